"""The feature server, its metrics and Feast's browser in one process: ``python -m components.features.server``.

Feast starts each of them as a process of its own, and each imports all of Feast: 250 MB and some seconds of CPU time.
Everything listens on 127.0.0.1 unless told otherwise; Feast's own metrics server listens on every address.
"""

import components.features.unchecked  # noqa: F401

# isort: split
import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Annotated, Any

# Before Feast: it would otherwise make prometheus_client keep its values in files for processes that are not there.
import prometheus_client
import typer
import uvicorn
from feast import FeatureStore, feature_server, ui_server
from feast import metrics as feast_metrics
from feast.permissions.server.utils import (
    ServerType,
    init_auth_manager,
    init_security_manager,
    str_to_auth_manager_type,
)

from components.features.store import feature_store
from components.platform import Platform

HOST = "127.0.0.1"
REGISTRY_REFRESH_SECONDS = 30
_FRESHNESS_SECONDS = 30


class _Server(uvicorn.Server):
    """A server that leaves signals to the process, which has two of them to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def start_metrics(store: FeatureStore, host: str, port: int) -> None:
    """Serve Prometheus metrics of this process and of Feast on a thread."""
    feast_metrics._config = feast_metrics._MetricsFlags(  # pyright: ignore[reportPrivateUsage]
        enabled=True, request=True, online_features=True, freshness=True
    )
    prometheus_client.start_http_server(port, host)
    threading.Thread(target=feast_metrics.monitor_freshness, args=(store, _FRESHNESS_SECONDS), daemon=True).start()


async def serve(store: FeatureStore, host: str, port: int, ui_port: int) -> None:
    """Serve features and the browser until the process is told to stop."""
    settings = store.config.auth_config
    assert settings is not None
    auth = str_to_auth_manager_type(settings.type)
    init_security_manager(auth_type=auth, fs=store)
    init_auth_manager(auth_type=auth, server_type=ServerType.REST, auth_config=settings)
    apps: dict[int, Any] = {
        port: feature_server.get_app(store, REGISTRY_REFRESH_SECONDS),
        ui_port: ui_server.get_app(store, store.project),
    }
    servers = [_Server(uvicorn.Config(app, host=host, port=at, access_log=False)) for at, app in apps.items()]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await asyncio.gather(*(server.serve() for server in servers))


def main(
    port: Annotated[int, typer.Option(help="Port of the feature server.")],
    metrics_port: Annotated[int, typer.Option(help="Port of the Prometheus metrics.")],
    ui_port: Annotated[int, typer.Option(help="Port of Feast's browser.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = HOST,
) -> None:
    """Serve features, metrics and the browser for the platform of the environment."""
    store = feature_store(Platform())  # pyright: ignore[reportCallIssue]
    # Feast opens its registry at first use and not safely from two threads, so it is opened before any is started.
    store.refresh_registry()
    start_metrics(store, host, metrics_port)
    asyncio.run(serve(store, host, port, ui_port))


if __name__ == "__main__":
    typer.run(main)
