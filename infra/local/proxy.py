"""The reverse proxy in front of serving: its configuration, and the route that it takes.

The proxy reads the address of its backend from a file for each request. Replacing that file moves the next request, and
touches neither a connection nor one that is under way. Loading a new configuration would do less: Caddy then closes the
idle connections of clients, and one that sends at that moment gets no answer.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from infra.local.layout import Layout
from infra.local.ports import HOST
from infra.local.provider import READY, LocalProvider
from infra.local.supervisor import write_private

# Shorter than a backend keeps an idle connection (uvicorn: 5 s), which it might else close just as it is used.
_BACKEND_IDLE = "3s"
_BACKEND_CONNECTIONS = 256
# What the proxy would tell the backend about itself.
_ADDED_HEADERS = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Via"]


def proxy_config(layout: Layout, *, port: int, health_port: int) -> str:
    """Caddy's configuration: everything on ``port`` goes to the backend; ``health_port`` says that the proxy lives."""
    servers = {
        "serving": {
            **listener(port),
            "logs": {},
            "routes": [{"handle": [_request_id(), _to_backend(layout.upstream)]}],
            "errors": {"routes": [{"handle": [_refusal()]}]},
        },
        "health": {**listener(health_port), "routes": [{"handle": [{"handler": "static_response"}]}]},
    }
    config = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": _logs()},
        "apps": {"http": {"grace_period": "10s", "servers": servers}},
    }
    return json.dumps(config, indent=2) + "\n"


def listener(port: int) -> dict[str, Any]:
    """A server of Caddy on a loopback port, without encryption."""
    return {"listen": [f"{HOST}:{port}"], "protocols": ["h1"], "automatic_https": {"disable": True}}


def _request_id() -> dict[str, Any]:
    """The id by which the service knows a request, in the line about it."""
    return {"handler": "log_append", "key": "request_id", "value": "{http.response.header.X-Request-Id}"}


def _to_backend(upstream: Path) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{{file.{upstream}}}"}],
        "headers": {"request": {"delete": _ADDED_HEADERS}},
        # Bodies are passed on as they come.
        "flush_interval": -1,
        "transport": {
            "protocol": "http",
            # Else the proxy would ask for gzip in the client's place, and unpack the answer.
            "compression": False,
            "keep_alive": {"idle_timeout": _BACKEND_IDLE, "max_idle_conns_per_host": _BACKEND_CONNECTIONS},
        },
    }


def _refusal() -> dict[str, Any]:
    headers = {"Content-Type": ["application/json"], "Retry-After": ["1"]}
    body = json.dumps({"error": "the service cannot be reached, or ended in mid-request; try again"})
    return {"handler": "static_response", "status_code": "{http.error.status_code}", "headers": headers, "body": body}


def _logs() -> dict[str, Any]:
    """A line a request, and why one was refused: at most ten of a kind a second.

    Neither says who asked, nor what: no address, no head, no query.
    """
    said = ("headers", "uri", "remote_ip", "remote_port", "client_ip")
    unspoken = {f"request>{name}": {"filter": "delete"} for name in said}
    return {
        "default": {"level": "ERROR", "exclude": ["http.log.error", "http.log.access"]},
        "requests": {
            "include": ["http.log.access"],
            "encoder": {
                "format": "filter",
                "wrap": {"format": "json"},
                "fields": {
                    **unspoken,
                    "request>uri": {"filter": "regexp", "regexp": "\\?.*", "value": ""},
                    "resp_headers": {"filter": "delete"},
                },
            },
        },
        "refusals": {
            # Where an error has an answer of its own, Caddy logs it at this level only.
            "level": "DEBUG",
            "include": ["http.log.error"],
            "encoder": {"format": "filter", "wrap": {"format": "json"}, "fields": unspoken},
            "sampling": {"interval": 1_000_000_000, "first": 10, "thereafter": 0},
        },
    }


class RouteProvider(LocalProvider):
    """Writes the address of the backend where the proxy reads it."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return "route"

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        write_private(Path(props["path"]), props["upstream"])
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        path = Path(props["path"])
        return READY if path.exists() and path.read_text() == props["upstream"] else "changed"

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        Path(_props["path"]).unlink(missing_ok=True)


class Route(Resource, module="local", name="Route"):
    """Where the proxy ``service`` sends requests; ``health`` sees all the way through it."""

    def __init__(
        self,
        name: str,
        *,
        path: Path,
        upstream: pulumi.Input[str],
        service: str,
        health: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"path": str(path), "upstream": upstream, "service": service, "health": dict(health), "status": None}
        super().__init__(RouteProvider(), name, props, opts)
