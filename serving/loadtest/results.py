"""All that the benchmark measured, and the ratios that the project aims at."""

from dataclasses import asdict, dataclass, field
from typing import Any

import psutil

from serving.loadtest import contestants as servers
from serving.loadtest.figures import Overload, Spread, Throughput, ratio, spread
from serving.loadtest.report import Report

CLIENTS = (1, 16)
# Name, ours, theirs, and what the project aims at.
RATIOS = (
    ("bundle, log on / bare ASGI as published", servers.LOGGED, servers.BARE_PUBLISHED, "at least 0.8"),
    ("bundle / bare ASGI", servers.SERVICE, servers.BARE, "at least 0.8"),
    ("bundle / bare ASGI, both with lookup", servers.SERVICE_LOOKUP, servers.BARE_LOOKUP, "at least 0.9"),
    ("bundle / BentoML's API method", servers.SERVICE, servers.STOCK, "at least 5"),
    ("bundle / mlflow models serve", servers.SERVICE, servers.MLFLOW, "at least 4"),
    ("prediction log on / off", servers.LOGGED, servers.SERVICE, "at least 0.9"),
    ("prediction log on / off, with lookup", servers.LOGGED_LOOKUP, servers.SERVICE_LOOKUP, "at least 0.95"),
)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """All that was measured.

    Attributes:
        rounds: By server and number of clients, one figure a round.
        ready_seconds: By server.
        megabytes: By server, after the rounds.
        processor_milliseconds: By server, processor time of a request; unlike its wall time, not lengthened by other
            work on the machine.
        half: By server, at half of its largest rate.
        double: By server, at twice its largest rate.
        unavailable: Why a server is not among them, by name.
        load_average: Of the machine over the minute before; above 0 somebody else's work is in the figures.
    """

    rounds: dict[str, dict[int, list[Throughput]]] = field(default_factory=dict)
    ready_seconds: dict[str, float] = field(default_factory=dict)
    megabytes: dict[str, float] = field(default_factory=dict)
    processor_milliseconds: dict[str, float] = field(default_factory=dict)
    half: dict[str, Report] = field(default_factory=dict)
    double: dict[str, Overload] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    load_average: float = field(default_factory=lambda: psutil.getloadavg()[0])

    def most(self, name: str) -> float:
        """The largest rate of a server: the median of its rounds with as many clients as suit it best."""
        return max(spread([one.per_second for one in figures]).median for figures in self.rounds[name].values())

    def ratios(self, clients: int) -> dict[str, Spread]:
        """Each of RATIOS whose servers are both there."""
        there = self.rounds
        return {
            name: ratio(there[ours][clients], there[theirs][clients])
            for name, ours, theirs, _ in RATIOS
            if ours in there and theirs in there
        }


def as_json(found: Bench) -> dict[str, Any]:
    """The whole result, with the machine it was measured on."""
    return {
        "machine": {"cores": psutil.cpu_count(), "gibibytes": round(psutil.virtual_memory().total / 2**30)},
        "ratios": {clients: {name: asdict(one) for name, one in found.ratios(clients).items()} for clients in CLIENTS},
        **asdict(found),
    }
