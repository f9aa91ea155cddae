"""What is chosen once for a cluster and holds for its life."""

import socket
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from pydantic import BaseModel, ConfigDict

from infra.cluster.layout import ClusterLayout

# Addresses inside the cluster. Where it has a node they lie in a network of the node's own, which nothing else sees.
SERVICES = IPv4Network("10.96.0.0/16")
PODS = IPv4Network("10.244.0.0/16")
API_SERVICE, NAME_SERVICE = IPv4Address("10.96.0.1"), IPv4Address("10.96.0.10")
NODE_ADDRESS = IPv4Address("10.250.0.1")
DOMAIN = "cluster.local"
# Of the API server in a real node's own network, as on EKS. Network policies see it, not the port of its Service.
API_PORT = 443

# Below the ports that the kernel gives to connections, and away from those of the local stack (18000 and on).
_FIRST_PORT, _LAST_PORT = 21000, 29990

Nodes = Literal["simulated", "real"]


class Ports(BaseModel):
    """Ports on 127.0.0.1. Of a cluster with a real node only ``api`` is on this machine's own, and not in there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int
    kwok: int


class Record(BaseModel):
    """One cluster.

    Attributes:
        nodes: ``simulated``: nodes and pods are objects alone, as many as tests make; ``real``: one that runs pods.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodes: Nodes
    ports: Ports

    @property
    def api_port(self) -> int:
        """What the API server listens on."""
        return API_PORT if self.nodes == "real" else self.ports.api

    @property
    def server(self) -> str:
        """Address of the API server for people and tests."""
        return f"https://127.0.0.1:{self.ports.api}"

    @property
    def inner_server(self) -> str:
        """Address of the API server for the cluster's own programs."""
        return f"https://127.0.0.1:{self.api_port}"


def choose(nodes: Nodes) -> Record:
    """A record with ports that nobody listens on.

    Raises:
        OSError: There are none.
    """
    names = list(Ports.model_fields)
    for first in range(_FIRST_PORT, _LAST_PORT, 10):
        ports = range(first, first + len(names))
        if all(map(_is_free, ports)):
            return Record(nodes=nodes, ports=Ports(**dict(zip(names, ports, strict=True))))
    raise OSError(f"no {len(names)} ports in a row are free from {_FIRST_PORT} to {_LAST_PORT}")


def read(layout: ClusterLayout) -> Record | None:
    """The record of the cluster in this folder; None where there is no cluster, or none that was finished."""
    try:
        return Record.model_validate_json(layout.record.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
