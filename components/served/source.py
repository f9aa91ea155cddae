"""Trips that the service predicted and whose outcome is known, as a source of a data version.

``served:<since>..<until>`` are the trips predicted in a period (UTC), ``+<version>`` puts them together with the trips
of a data version, and ``@<predictions>.<outcomes>`` names the versions of the log's tables that are read: only with
these is the content fixed. ``components.served.resolve`` adds what is left out.

Together with a data version (the base) the trips of the period are *new*, and others are *known*: those of the base,
and the served ones from between the base's end and the period. A model learns from the new trips alone, so that a
change of the world some days ago is learned. The known ones began before them, and are there for the features that look
back: they reach so far that the first new trip has the features that it would have with all trips that ever were.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from operator import methodcaller
from typing import TYPE_CHECKING

from components import contract
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

    def opened(self, platform: "Platform") -> "OpenedTrips":
        """The trips: files of the base, then known served trips, then the new ones.

        The new ones and the known served ones are held in memory, of the base one file at a time.

        Raises:
            SourceError: No outcome of the period's trips is known.
            components.tables.TableError: There is no such version, or its time is over.
        """
        # Whoever only reads the name needs no tables.
        from components.features.online_sums import KEPT
        from components.served.labelled import LogVersions, scan_labelled
        from components.served.trips import recorded
        from components.trips.files import RawBatch

        versions = LogVersions(self.predictions, self.outcomes)
        new = recorded(scan_labelled(platform, self.since, self.until, versions)).collect()
        if new.is_empty():
            raise SourceError(
                f"DATA={self.name}: of no trip that was predicted in that time is the outcome known; give a longer "
                "time, or POST /outcomes and collect them: make collect"
            )
        batch = RawBatch("the service's log", 0, tuple(new.columns), new)
        if self.base is None:
            return OpenedTrips(iter([batch]))
        first = _first_pickup(new)
        # A trip that ends when the first window has begun may have begun so much earlier.
        known_since = first - KEPT - timedelta(seconds=contract.MAX_DURATION_SECONDS)
        known = self._known(platform, self.base, known_since, first)
        return OpenedTrips(chain(known, [batch]), learn_from=first, known_since=known_since)

    def _known(self, platform: "Platform", base: int, after: datetime, before: datetime) -> "Iterator[RawBatch]":
        """What began between two moments: trips of the base, then served ones."""
        import polars as pl

        from components import tables
        from components.trips.files import BATCH_ROWS, RawBatch

        started, rows, last = pl.col(contract.PICKUP_TIME), 0, after
        # Nothing holds a file any more when the next is read.
        slices = map(methodcaller("iter_slices", BATCH_ROWS), tables.files(platform, tables.TRIPS, base))
        for some in chain.from_iterable(slices):
            part = some.filter(started > after, started < before)
            if len(part):
                yield RawBatch(f"version {base} of the trips", rows, tuple(part.columns), part)
                rows += len(part)
                last = max(last, part.select(started.max()).item())
        # What the base has is not taken from the log again.
        served = self._served_before(platform, last).filter(started > last, started < before).collect()
        if len(served):
            yield RawBatch(f"the service's log before {self.since}", 0, tuple(served.columns), served)

    def _served_before(self, platform: "Platform", began: datetime) -> "pl.LazyFrame":
        """Trips that were predicted before the period: all that began at some time or later, and some others."""
        from components.served.labelled import LogVersions, first_asked, scan_labelled
        from components.served.trips import recorded

        asked = first_asked(platform, began, self.predictions)
        versions = LogVersions(self.predictions, self.outcomes)
        return recorded(scan_labelled(platform, asked or self.since, self.since, versions))


@dataclass(frozen=True)
class OpenedTrips:
    """Trips that are about to be read.

    Attributes:
        batches: They.
        learn_from: Pick-up of the first trip that is learned from, New York wall clock; all others that are learned
            from began then or later, and all that are only known began before. None where all are learned from.
        known_since: All that are only known began later than this.
    """

    batches: "Iterator[RawBatch]"
    learn_from: datetime | None = None
    known_since: datetime | None = None


def _first_pickup(new: "pl.DataFrame") -> datetime:
    """When the first trip began, apart from days that ingest leaves out because only faulty clocks put trips there."""
    import polars as pl

    from components.ingest.checks import stray_days

    day = pl.col(contract.PICKUP_TIME).dt.date()
    per_day = Counter(dict(new.group_by(day).len().iter_rows()))
    first = new.filter(~day.is_in(sorted(stray_days(per_day))))[contract.PICKUP_TIME].min()
    assert isinstance(first, datetime)
    return first


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
