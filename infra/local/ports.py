"""Which service listens where, and who holds a port that should be free."""

from collections.abc import Mapping
from pathlib import Path

import psutil

from infra.local import processes

HOST = "127.0.0.1"

# Order is part of the contract with running stacks: append, never insert.
_SERVICES = (
    "postgres",
    "object-store",
    "mlflow",
    "feast-server",
    "feast-metrics",
    "feast-ui",
    "prometheus",
    "evidently",
    "grafana",
    "serving",
    "serving-blue",
    "serving-green",
    "serving-health",
    "alertmanager",
    "dashboards",
    "monitor",
)


def assign(base: int) -> dict[str, int]:
    """The port of each service, counted from ``base``."""
    return {service: base + offset for offset, service in enumerate(_SERVICES)}


def conflicts(ports: Mapping[str, int], root: Path) -> list[str]:
    """One sentence for each port that a process outside the stack at ``root`` listens on."""
    wanted = {port: service for service, port in ports.items()}
    found: dict[int, str] = {}
    for connection in psutil.net_connections(kind="tcp"):
        port = connection.laddr.port if connection.laddr else None
        if connection.status != psutil.CONN_LISTEN or port not in wanted:
            continue
        if connection.pid is None:
            found[port] = f"port {port} ({wanted[port]}) is held by a process of another user"
        elif not processes.belongs_to(connection.pid, root):
            found[port] = f"port {port} ({wanted[port]}) is held by {processes.describe(connection.pid)}"
    return [found[port] for port in sorted(found)]
