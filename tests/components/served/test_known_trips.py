"""Trips of the service's log together with an older version: the new are learned from, the known feed features."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from components import contract, tables
from components.build_features.step import build_features
from components.features.apply import apply
from components.features.online_sums import KEPT
from components.ingest.step import SCHEMA, IngestResult, ingest
from components.platform import Platform
from components.served.labelled import LABEL
from components.served.source import ServedTrips
from components.served.tables import AT, OUTCOME_LOG, PREDICTION_LOG
from components.served.trips import RECORDED
from components.split.step import split
from components.trips.source import fingerprint
from components.validate.check import check

# The first new trip. The service is asked when a trip begins, by a clock that is five hours ahead.
FIRST = datetime(2026, 3, 2)
AHEAD = timedelta(hours=5)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TOOK = timedelta(minutes=10)

WriteLog = Callable[[Platform, pl.DataFrame], None]
numbers = itertools.count()


def begun(start: datetime, end: datetime, every: timedelta) -> list[datetime]:
    return [start + place * every for place in range((end - start) // every)]


def served(pickups: list[datetime], asked: list[datetime] | None = None, labelled: int | None = None) -> pl.DataFrame:
    """Trips that the service was asked for as they began, or at other times; the first so many have outcomes."""
    rows, known = range(len(pickups)), len(pickups) if labelled is None else labelled
    return pl.DataFrame(
        {
            AT: pl.Series([at.replace(tzinfo=UTC) + AHEAD for at in asked or pickups], dtype=pl.Datetime("us", "UTC")),
            contract.PICKUP_TIME: pl.Series(pickups, dtype=pl.Datetime("us")),
            contract.PICKUP_ZONE: [number % 3 + 1 for number in rows],
            contract.DROPOFF_ZONE: [7] * len(pickups),
            contract.DISTANCE: [2.5] * len(pickups),
            contract.PASSENGERS: [1.0] * len(pickups),
            LABEL: pl.Series([600.0 if number < known else None for number in rows], dtype=pl.Float64),
        }
    )


def a_base(platform: Platform, pickups: list[datetime]) -> int:
    """Trips that end in zone 9; returns their version."""
    columns = {
        contract.PICKUP_TIME: pickups,
        contract.DROPOFF_TIME: [at + TOOK for at in pickups],
        contract.PICKUP_ZONE: [number % 3 + 1 for number in range(len(pickups))],
        contract.DROPOFF_ZONE: [9] * len(pickups),
        contract.DISTANCE: [1.5] * len(pickups),
        contract.PASSENGERS: [1] * len(pickups),
        "fare_amount": [9.0] * len(pickups),
    }
    empty = pl.from_arrow(SCHEMA.empty_table())
    assert isinstance(empty, pl.DataFrame)
    columns |= {name: [None] * len(pickups) for name in empty.columns if name not in columns}
    frame = pl.DataFrame(columns, schema_overrides=empty.schema).select(empty.columns)
    return tables.write_version(platform, tables.TRIPS, frame.to_arrow(), f"base {next(numbers)}")


def a_source(platform: Platform, since: datetime, until: datetime, base: int | None) -> ServedTrips:
    """The newest of the log; times are those of the trips' clock."""
    versions = [tables.latest_version(platform, name) for name in (PREDICTION_LOG, OUTCOME_LOG)]
    assert versions[0] is not None
    assert versions[1] is not None
    period = {"since": since.replace(tzinfo=UTC) + AHEAD, "until": until.replace(tzinfo=UTC) + AHEAD}
    return ServedTrips(**period, base=base, predictions=versions[0], outcomes=versions[1])


def ingested(platform: Platform, source: ServedTrips, folder: Path) -> tuple[IngestResult, pl.DataFrame]:
    files = {"report": folder / "report.json", "page": folder / "page.html"}
    result = ingest(platform, source.name, 0, 0, **files, now=NOW, expected=fingerprint(source.name, 0, 0))
    return result, tables.scan(platform, tables.TRIPS, result.data_version).collect()


def of_base(trips: pl.DataFrame) -> pl.DataFrame:
    return trips.filter(pl.col(contract.DROPOFF_ZONE) == 9)


def test_all_of_the_base_that_features_look_back_at_is_known_and_none_of_it_is_learned_from(
    platform: Platform, tmp_path: Path, write_log: WriteLog
) -> None:
    write_log(platform, served(begun(FIRST, FIRST + 3 * DAY, timedelta(minutes=30))))
    base = a_base(platform, begun(FIRST - 100 * DAY, FIRST + DAY, timedelta(minutes=20)))
    result, trips = ingested(platform, a_source(platform, FIRST, FIRST + 9 * DAY, base), tmp_path)
    assert result.learn_from == "2026-03-02T00:00:00"
    reach = KEPT + timedelta(seconds=contract.MAX_DURATION_SECONDS)
    known = of_base(trips)[contract.PICKUP_TIME].sort().to_list()
    assert known == begun(FIRST - reach, FIRST, timedelta(minutes=20))[1:]
    assert len(trips) - len(known) == 3 * 48
    duration = (pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)).dt.total_microseconds() / 1e6
    trips.with_columns(duration.alias(contract.TARGET)).write_parquet(tmp_path / "features.parquet")
    parts = [tmp_path / f"{name}.parquet" for name in ("train", "validation", "test")]
    split(tmp_path / "features.parquet", *parts, learn_from=result.learn_from)
    assert all((pl.read_parquet(part)[contract.DROPOFF_ZONE] == 7).all() for part in parts)
    found = check(lambda: tables.files(platform, tables.TRIPS, result.data_version), NOW.replace(tzinfo=None))
    assert found.violations == []


def test_served_trips_from_between_the_base_and_the_period_are_known(
    platform: Platform, tmp_path: Path, write_log: WriteLog
) -> None:
    ends, hour = FIRST - 20 * DAY, timedelta(hours=1)
    write_log(platform, served(begun(FIRST - 40 * DAY, FIRST + 5 * DAY, hour)))
    base = a_base(platform, begun(FIRST - 60 * DAY, ends, hour))
    result, trips = ingested(platform, a_source(platform, FIRST, FIRST + 2 * DAY, base), tmp_path)
    assert result.learn_from == "2026-03-02T00:00:00"
    assert of_base(trips)[contract.PICKUP_TIME].max() == ends - hour
    others = trips.filter(pl.col(contract.DROPOFF_ZONE) == 7)[contract.PICKUP_TIME].sort().to_list()
    assert others == begun(ends, FIRST + 2 * DAY, hour)


@pytest.mark.parametrize("gap", [80, 300])
def test_served_trips_alone_are_known_where_the_base_ended_long_ago(
    platform: Platform, tmp_path: Path, write_log: WriteLog, gap: int
) -> None:
    write_log(platform, served(begun(FIRST - 70 * DAY, FIRST + 2 * DAY, timedelta(hours=1))))
    base = a_base(platform, begun(FIRST - (gap + 9) * DAY, FIRST - gap * DAY, timedelta(hours=1)))
    _, trips = ingested(platform, a_source(platform, FIRST, FIRST + 2 * DAY, base), tmp_path)
    assert of_base(trips).is_empty()
    reach = KEPT + timedelta(seconds=contract.MAX_DURATION_SECONDS)
    assert len(trips) == (reach + 2 * DAY) // timedelta(hours=1) - 1


def test_an_older_trip_without_outcome_or_from_within_the_period_is_not_known(
    platform: Platform, tmp_path: Path, write_log: WriteLog
) -> None:
    before, later = begun(FIRST - 2 * DAY, FIRST, timedelta(hours=1)), FIRST + DAY
    new = begun(FIRST, FIRST + 2 * DAY, timedelta(hours=1))
    # One was asked for a day ahead, and the last is without an outcome.
    pickups = [*new, later + TOOK, *before]
    asked = [*new, FIRST - TOOK, *before]
    write_log(platform, served(pickups, asked, labelled=len(pickups) - 1))
    base = a_base(platform, [FIRST - 50 * DAY])
    result, trips = ingested(platform, a_source(platform, FIRST, FIRST + 2 * DAY, base), tmp_path)
    assert result.learn_from == "2026-03-02T00:00:00"
    assert trips[contract.PICKUP_TIME].sort().to_list() == [FIRST - 50 * DAY, *before[:-1], *new]


def test_without_a_base_all_trips_of_the_period_are_learned_from_and_no_others(
    platform: Platform, tmp_path: Path, write_log: WriteLog
) -> None:
    write_log(platform, served(begun(FIRST - 9 * DAY, FIRST + 9 * DAY, timedelta(hours=1))))
    result, trips = ingested(platform, a_source(platform, FIRST, FIRST + 2 * DAY, None), tmp_path)
    assert (result.learn_from, len(trips)) == ("", 48)


def test_few_new_trips_far_from_many_known_ones_are_no_strays(
    platform: Platform, tmp_path: Path, write_log: WriteLog
) -> None:
    write_log(platform, served(begun(FIRST, FIRST + 5 * TOOK, TOOK)))
    base = a_base(platform, begun(FIRST - 25 * DAY, FIRST - 9 * DAY, timedelta(minutes=2)))
    result, trips = ingested(platform, a_source(platform, FIRST, FIRST + DAY, base), tmp_path)
    assert result.rejected == {}
    assert len(trips) - len(of_base(trips)) == 5


def test_a_new_trip_by_a_faulty_clock_takes_no_history_away(
    platform: Platform, tmp_path: Path, write_log: WriteLog
) -> None:
    new = begun(FIRST, FIRST + 2 * DAY, timedelta(minutes=1))
    write_log(platform, served([FIRST - 700 * DAY, *new], [FIRST, *new]))
    base = a_base(platform, begun(FIRST - 30 * DAY, FIRST, timedelta(hours=1)))
    result, trips = ingested(platform, a_source(platform, FIRST, FIRST + 2 * DAY, base), tmp_path)
    assert result.rejected == {"far_from_all_other_days": 1}
    assert (result.learn_from, len(of_base(trips))) == ("2026-03-02T00:00:00", 30 * 24)


def test_new_trips_have_the_features_that_all_trips_ever_would_give_them(
    platform: Platform, tmp_path: Path, write_log: WriteLog
) -> None:
    hour = timedelta(hours=1)
    pickups = begun(FIRST - 10 * DAY, FIRST + 2 * DAY, hour)
    write_log(platform, served(pickups))
    base = a_base(platform, begun(FIRST - 90 * DAY, FIRST - 10 * DAY, hour))
    result, _ = ingested(platform, a_source(platform, FIRST, FIRST + 2 * DAY, base), tmp_path)
    _, log = ingested(platform, a_source(platform, FIRST - 99 * DAY, FIRST + 2 * DAY, None), tmp_path)
    whole = pl.concat([tables.scan(platform, tables.TRIPS, base).collect(), log])
    everything = tables.write_version(platform, tables.TRIPS, whole.to_arrow(), "everything")
    apply(platform)
    found = []
    for version in (result.data_version, everything):
        build_features(platform, version, tmp_path / "features.parquet")
        found.append(pl.read_parquet(tmp_path / "features.parquet").filter(pl.col(contract.PICKUP_TIME) >= FIRST))
    assert len(found[0]) == 48
    # Four weeks of every third trip; of less, all would have the same features as well.
    assert found[0]["zone_trips_4w"].to_list() == [224.0] * 48
    assert_frame_equal(found[0], found[1], check_exact=True)


minutes = st.integers(-120_000, 3_000).map(lambda number: FIRST + timedelta(minutes=number))
calls = st.lists(st.tuples(minutes, st.integers(-90, 90), st.booleans()), max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(older=st.lists(minutes, max_size=12), asked=calls, length=st.integers(1, 3_000))
def test_new_trips_are_those_of_the_period_and_no_trip_is_there_twice(
    platform: Platform,
    write_log: WriteLog,
    older: list[datetime],
    asked: list[tuple[datetime, int, bool]],
    length: int,
) -> None:
    # A trip of the period at least, asked for as it began.
    asked = [(FIRST, 0, True), *asked]
    pickups = [pickup for pickup, _, _ in asked]
    moments = [pickup + timedelta(minutes=late) for pickup, late, _ in asked]
    told = [600.0 if labelled else None for _, _, labelled in asked]
    write_log(platform, served(pickups, moments).with_columns(pl.Series(LABEL, told, dtype=pl.Float64)))
    base, until = a_base(platform, older), FIRST + timedelta(minutes=length)
    opened = a_source(platform, FIRST, until, base).opened(platform)
    trips = pl.concat([batch.frame.select(RECORDED) for batch in opened.batches], how="vertical_relaxed")

    rows = list(zip(pickups, (number % 3 + 1 for number in range(len(pickups))), moments, told, strict=True))
    new = {(at, zone) for at, zone, moment, label in rows if label and FIRST <= moment < until}
    first = min(at for at, _ in new)
    reach = first - KEPT - timedelta(seconds=contract.MAX_DURATION_SECONDS)
    batch = {at for at in older if reach < at < first}
    last = max(batch, default=reach)
    known = {(at, zone) for at, zone, moment, label in rows if label and moment < FIRST and last < at < first}
    assert opened.learn_from == first
    found = trips.filter(pl.col(contract.DROPOFF_ZONE) == 7).select(contract.PICKUP_TIME, contract.PICKUP_ZONE)
    assert found.filter(pl.col(contract.PICKUP_TIME) >= first).rows() == sorted(new)
    assert found.filter(pl.col(contract.PICKUP_TIME) < first).rows() == sorted(known)
    assert set(of_base(trips)[contract.PICKUP_TIME]) == batch
    assert len(of_base(trips)) == len([at for at in older if at in batch])
