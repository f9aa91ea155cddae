"""Trips that the service predicted and whose outcome is known, as a source of a data version.

``served:<since>..<until>`` are the trips predicted in a period (UTC), ``+<version>`` puts them together with the trips
of a data version, and ``@<predictions>.<outcomes>`` names the versions of the log's tables that are read: only with
these is the content fixed. ``components.served.resolve`` adds what is left out.

Together with a data version, the served trips are what is new, and that version is what is known of zones and hours
that they do not have. The part that a model is tested on is the last fifth of the time, so older trips must not push
the new ones out of what it learns from: of the data version come the trips that began in as long a time, right before
the first served one, and no more of them than there are served ones, evenly chosen. So the features that count trips
mean the same in both halves; of the served time the first two fifths are learned from, the next validates, and the
last two test.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from components.trips.source_error import SourceError

if TYPE_CHECKING:
    import polars as pl

    from components.platform import Platform
    from components.trips.files import RawBatch

KIND = "served"
FORM = f"{KIND}:2026-01-05T00:00:00..2026-01-19T00:00:00+0@12.3"

_TIME = r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?"
_NAME = re.compile(
    rf"{KIND}:(?P<since>{_TIME})\.\.(?P<until>{_TIME})(?:\+(?P<base>\d+))?@(?P<predictions>\d+)\.(?P<outcomes>\d+)"
)


@dataclass(frozen=True, kw_only=True)
class ServedTrips:
    """What such a source names.

    Attributes:
        since: First moment of the predictions, UTC.
        until: The moment after the last, UTC.
        base: Version of the trips that they come together with, or None.
        predictions: Version of the log of predictions.
        outcomes: Version of the log of outcomes.
    """

    since: datetime
    until: datetime
    base: int | None
    predictions: int
    outcomes: int

    @classmethod
    def parse(cls, source: str) -> "ServedTrips":
        """Of a source's name.

        Raises:
            SourceError: It is none, or leaves something out.
        """
        found = _NAME.fullmatch(source)
        if found is None:
            raise SourceError(f"DATA={source} does not fix its trips: give {KIND} on a stack, or all, such as {FORM}")
        since, until = moment(source, found["since"]), moment(source, found["until"])
        base = None if found["base"] is None else int(found["base"])
        return cls(
            since=since,
            until=until,
            base=base,
            predictions=int(found["predictions"]),
            outcomes=int(found["outcomes"]),
        )

    @property
    def name(self) -> str:
        """The source's name; ``parse`` gives this again."""
        period = "..".join(f"{at:%Y-%m-%dT%H:%M:%S}" for at in (self.since, self.until))
        base = "" if self.base is None else f"+{self.base}"
        return f"{KIND}:{period}{base}@{self.predictions}.{self.outcomes}"

    def fingerprint(self) -> str:
        """Names the content by 64 hexadecimal digits; of versions there is only one."""
        return hashlib.sha256(self.name.encode()).hexdigest()

    def batches(self, platform: "Platform") -> "Iterator[RawBatch]":
        """The trips, a file of the base at a time, then the served ones.

        Raises:
            SourceError: No outcome of the period's trips is known.
            components.tables.TableError: There is no such version, or its time is over.
        """
        # Whoever only reads the name needs no tables.
        from components.served.labelled import LogVersions, labelled
        from components.served.trips import recorded
        from components.trips.files import RawBatch

        versions = LogVersions(self.predictions, self.outcomes)
        trips = recorded(labelled(platform, self.since, self.until, versions))
        if trips.is_empty():
            raise SourceError(
                f"DATA={self.name}: of no trip that was predicted in that time is the outcome known; give a longer "
                "time, or POST /outcomes and collect them: make collect"
            )
        if self.base is not None:
            rows = 0
            for part in self._known(platform, self.base, trips):
                yield RawBatch(f"version {self.base} of the trips", rows, tuple(part.columns), part)
                rows += len(part)
        yield RawBatch("the service's log", 0, tuple(trips.columns), trips)

    def _known(self, platform: "Platform", base: int, served: "pl.DataFrame") -> "Iterator[pl.DataFrame]":
        """Trips of the base from before the served ones: over as long a time, at most as many, evenly chosen."""
        import polars as pl

        from components import contract, tables

        started = pl.col(contract.PICKUP_TIME)
        first, last = served.select(started.min().alias("first"), started.max().alias("last")).row(0)
        before = (started >= first - (last - first)) & (started < first)
        count = tables.scan(platform, tables.TRIPS, base).filter(before).select(pl.len()).collect().item()
        wanted, seen = min(len(served), count), 0
        for file in tables.files(platform, tables.TRIPS, base):
            near = file.filter(before)
            place = pl.int_range(seen, seen + pl.len(), dtype=pl.Int64)
            chosen = near.filter((place + 1) * wanted // max(count, 1) > place * wanted // max(count, 1))
            seen += len(near)
            if len(chosen):
                yield chosen


def is_served(source: str) -> bool:
    """Whether a source's name is of this kind."""
    return re.match(rf"{KIND}(:|\+|@|$)", source) is not None


def moment(source: str, text: str) -> datetime:
    """A time in a source's name, UTC.

    Raises:
        SourceError: There is no such day or time.
    """
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise SourceError(f"DATA={source}: {text} is no time: {error}") from None
