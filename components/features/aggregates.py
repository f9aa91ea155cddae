"""What is known of a zone, and of a pair of zones, at a moment: aggregates over trips that have ended.

Sums are kept as whole numbers (microseconds, ten-thousandths of a mile). They are exact, so the same trips give
the same bytes whatever their order and the number of threads, and a window is the difference of two running sums.
Each row also has the sums of its own hour or day (STEP_SUMS), from which ``components/features/push.py`` goes on when
further trips end.
"""

from datetime import UTC, datetime, timedelta

import polars as pl

from components import contract

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FOUR_WEEKS = timedelta(weeks=4)

# Sums over some trips: how many, microseconds, ten-thousandths of a mile.
SUMS = ("trips", "duration", "distance")
# Those over the trips that ended in the hour (of a zone) or day (of a pair) before a row's time, Int64.
STEP_SUMS = tuple(f"step_{name}" for name in SUMS)

_TICK = timedelta(microseconds=1)
_DISTANCE_UNITS_PER_MILE = 10_000
# One microsecond in seconds, and a ten-thousandth of a mile per microsecond in miles per hour.
_SECONDS = 1e-6
_MILES_PER_HOUR = 360_000.0


def event_time(wall_clock: pl.Expr) -> pl.Expr:
    """A trip's New York wall clock as the time that the feature store sees.

    The TLC files hold wall clock without a zone, so the repeated hour of autumn cannot be told apart, and Feast wants
    instants. The wall clock is therefore taken as if it were UTC, here and nowhere else: times stay comparable
    with each other, and the store's times are New York's clock.
    """
    return wall_clock.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def zone_key() -> pl.Expr:
    """A trip's pick-up zone."""
    return pl.col(contract.PICKUP_ZONE).cast(pl.Int64).alias(contract.ZONE_KEY)


def pair_key() -> pl.Expr:
    """``contract.pair_id`` of a trip's two zones."""
    pair = pl.col(contract.PICKUP_ZONE).cast(pl.Int64) * contract.PAIR_FACTOR + pl.col(contract.DROPOFF_ZONE)
    return pair.alias(contract.PAIR_KEY)


def distance_units() -> pl.Expr:
    """A trip's distance in ten-thousandths of a mile, Int64."""
    return (pl.col(contract.DISTANCE) * _DISTANCE_UNITS_PER_MILE).round().cast(pl.Int64)


def miles(units: pl.Expr) -> pl.Expr:
    """Ten-thousandths of a mile as miles, Float64."""
    return units / _DISTANCE_UNITS_PER_MILE


def step_end(ended: pl.Expr, step: timedelta) -> pl.Expr:
    """The end of the hour or day in which something ended; what ends on its stroke has ended by then."""
    return (ended - _TICK).dt.truncate(step) + step


def step_begin(moment: datetime, step: timedelta) -> datetime:
    """The beginning of the hour or day of a moment (UTC): the newest snapshot that is known then is of this time."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (moment - epoch) // step * step


def described(entity: str, span: str, sums: str = "") -> list[pl.Expr]:
    """The features of a span of time: number of trips, miles per hour, mean seconds; all Float64.

    Means without a trip are null. Speed is total distance over total time.

    Args:
        entity: ``zone`` or ``pair``.
        span: ``1h`` or ``4w``.
        sums: Columns that hold the sums are SUMS with this added to their names.
    """
    trips, duration, distance = (pl.col(f"{name}{sums}") for name in SUMS)
    # Not divided by constants: Polars then multiplies by the reciprocal, but divides where there is only one row, and
    # the last bit would follow the number of rows.
    return [
        trips.cast(pl.Float64).alias(f"{entity}_trips_{span}"),
        pl.when(duration > 0).then(distance / duration * _MILES_PER_HOUR).alias(f"{entity}_mean_speed_{span}"),
        pl.when(trips > 0).then(duration / trips * _SECONDS).alias(f"{entity}_mean_duration_{span}"),
    ]


def step_sums(trips: pl.LazyFrame, key: pl.Expr, step: timedelta) -> pl.DataFrame:
    """SUMS over a key's trips that ended in each step in which one did, sorted by key and time."""
    started, ended = event_time(pl.col(contract.PICKUP_TIME)), event_time(pl.col(contract.DROPOFF_TIME))
    name = key.meta.output_name()
    found = (
        trips.select(
            key,
            step_end(ended, step).alias(contract.EVENT_TIME),
            (ended - started).dt.total_microseconds().alias("duration"),
            distance_units().alias("distance"),
        )
        .group_by(name, contract.EVENT_TIME)
        .agg(pl.len().cast(pl.Int64).alias("trips"), pl.col("duration").sum(), pl.col("distance").sum())
        .select(name, contract.EVENT_TIME, *SUMS)
        .sort(name, contract.EVENT_TIME)
    )
    return found.collect(engine="streaming")


def zone_features(trips: pl.LazyFrame) -> pl.LazyFrame:
    """Features of every pick-up zone at the end of every hour.

    At time t only trips count that ended by then: after t - 1 h for the features of the last hour, after t - 4 weeks
    for those of four weeks. A zone's hours run without a gap from its first ended trip to the last of all, so that a
    quiet hour reads as no trips and not as the busy hour before it.

    Args:
        trips: [n] with PICKUP_TIME, DROPOFF_TIME, PICKUP_ZONE, DISTANCE (miles), none of them null. They are read once
            and never held as a whole.

    Returns:
        [zones * hours] sorted by key and time: ZONE_KEY (Int64), EVENT_TIME (Datetime, UTC), ZONE_FEATURES (Float64;
        trips, miles per hour, seconds; null is missing), STEP_SUMS.
    """
    sums = _running(step_sums(trips, zone_key(), HOUR).lazy(), contract.ZONE_KEY)
    time = pl.col(contract.EVENT_TIME)
    spans = sums.group_by(contract.ZONE_KEY).agg(time.min().alias("first"), time.max().alias("last"))
    hours = pl.datetime_ranges("first", pl.col("last").max(), HOUR, time_zone="UTC").alias(contract.EVENT_TIME)
    grid = (
        spans.select(contract.ZONE_KEY, hours).explode(contract.EVENT_TIME).sort(contract.ZONE_KEY, contract.EVENT_TIME)
    )
    hourly = (
        _window(grid, sums, contract.ZONE_KEY, HOUR)
        .with_columns(*described("zone", "1h"), *(pl.col(name).alias(f"step_{name}") for name in SUMS))
        .select(contract.ZONE_KEY, contract.EVENT_TIME, *contract.ZONE_FEATURES[:3], *STEP_SUMS)
    )
    both = _window(hourly, sums, contract.ZONE_KEY, FOUR_WEEKS).with_columns(described("zone", "4w"))
    return both.select(contract.ZONE_KEY, contract.EVENT_TIME, *contract.ZONE_FEATURES, *STEP_SUMS)


def pair_features(trips: pl.LazyFrame) -> pl.LazyFrame:
    """Features of a pair of zones at the end of every day on which one of its trips ended.

    Args:
        trips: As for ``zone_features``, with DROPOFF_ZONE.

    Returns:
        [pairs * days] sorted by key and time: PAIR_KEY (Int64), EVENT_TIME (Datetime, UTC), PAIR_FEATURES (Float64;
        trips, seconds, miles per hour) over the trips that ended in the four weeks before, STEP_SUMS.
    """
    daily = step_sums(trips, pair_key(), DAY).lazy()
    grid = daily.rename({name: f"step_{name}" for name in SUMS})
    sums = _running(daily, contract.PAIR_KEY)
    found = _window(grid, sums, contract.PAIR_KEY, FOUR_WEEKS).with_columns(described("pair", "4w"))
    return found.select(contract.PAIR_KEY, contract.EVENT_TIME, *contract.PAIR_FEATURES, *STEP_SUMS)


def _running(sums: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """Sums over all of a key's trips up to each time."""
    return sums.with_columns(pl.col(*SUMS).cum_sum().over(key))


def _window(grid: pl.LazyFrame, sums: pl.LazyFrame, key: str, width: timedelta) -> pl.LazyFrame:
    """SUMS over the trips that ended in (t - width, t], for each row (key, t) of a sorted grid; 0 without a trip."""
    start = grid.with_columns((pl.col(contract.EVENT_TIME) - width).alias("start"))
    # Both sides are sorted by key and time, so times are sorted within each key, which polars cannot see.
    as_of = {"by": key, "right_on": contract.EVENT_TIME, "coalesce": False, "check_sortedness": False}
    upto = start.join_asof(sums, left_on=contract.EVENT_TIME, suffix="_until", **as_of)
    both = upto.join_asof(sums, left_on="start", suffix="_before", **as_of)
    return both.with_columns(pl.col(name).fill_null(0) - pl.col(f"{name}_before").fill_null(0) for name in SUMS)
