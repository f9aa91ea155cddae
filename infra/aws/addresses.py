"""How a VPC's address block is divided among its subnets."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network


@dataclass(frozen=True, kw_only=True)
class Subnets:
    """Address blocks of one zone.

    Attributes:
        private: Nodes and pods; an eighth of the VPC, as pods take their addresses from it.
        public: Load balancers and the way out.
        database: Databases, without any way out.
    """

    zone: str
    private: IPv4Network
    public: IPv4Network
    database: IPv4Network


def divided(block: IPv4Network, zones: Sequence[str]) -> tuple[Subnets, ...]:
    """Subnets for up to three zones: eighths for pods, and 256ths of the last eighth for the rest.

    Args:
        block: Address block of the VPC, /18 or larger.
        zones: Letters of the zones.
    """
    eighths = list(block.subnets(prefixlen_diff=3))
    small = list(eighths[-1].subnets(prefixlen_diff=5))
    return tuple(
        Subnets(zone=zone, private=eighths[i], public=small[i], database=small[len(zones) + i])
        for i, zone in enumerate(zones)
    )
