"""What is known of a zone, and of a pair of zones, at a moment: aggregates over trips that have ended.

Sums are kept as whole numbers (microseconds, ten-thousandths of a mile). They are exact, so the same trips give
the same bytes whatever their order and the number of threads, and a window is the difference of two running sums.
"""

from datetime import timedelta

import polars as pl

from components import contract

HOUR = timedelta(hours=1)
FOUR_WEEKS = timedelta(weeks=4)

_TICK = timedelta(microseconds=1)
_MICROSECONDS_PER_SECOND = 1_000_000
_DISTANCE_UNITS_PER_MILE = 10_000
_SECONDS_PER_HOUR = 3600
# Running sums per key: trips, microseconds, ten-thousandths of a mile.
_SUMS = ("trips", "duration", "distance")


def event_time(wall_clock: pl.Expr) -> pl.Expr:
    """A trip's New York wall clock as the time that the feature store sees.

    The TLC files hold wall clock without a zone, so the repeated hour of autumn cannot be told apart, and Feast wants
    instants. The wall clock is therefore taken as if it were UTC, here and nowhere else: times stay comparable
    with each other, and the store's times are New York's clock.
    """
    return wall_clock.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def pair_key() -> pl.Expr:
    """``contract.pair_id`` of a trip's two zones."""
    pair = pl.col(contract.PICKUP_ZONE).cast(pl.Int64) * contract.PAIR_FACTOR + pl.col(contract.DROPOFF_ZONE)
    return pair.alias(contract.PAIR_KEY)


def zone_features(trips: pl.LazyFrame) -> pl.LazyFrame:
    """Features of every pick-up zone at the end of every hour.

    At time t only trips count that ended by then: after t - 1 h for the features of the last hour, after t - 4 weeks
    for those of four weeks. A zone's hours run without a gap from its first ended trip to the last of all, so that a
    quiet hour reads as no trips and not as the busy hour before it.

    Args:
        trips: [n] with PICKUP_TIME, DROPOFF_TIME, PICKUP_ZONE, DISTANCE (miles), none of them null.

    Returns:
        [zones * hours] sorted by key and time: ZONE_KEY (Int64), EVENT_TIME (Datetime, UTC), ZONE_FEATURES (Float64;
        trips, miles per hour, seconds). Means without a trip are null. Speed is total distance over total time.
    """
    key = pl.col(contract.PICKUP_ZONE).cast(pl.Int64).alias(contract.ZONE_KEY)
    sums = _running_sums(trips, key, HOUR)
    time = pl.col(contract.EVENT_TIME)
    spans = sums.group_by(contract.ZONE_KEY).agg(time.min().alias("first"), time.max().alias("last"))
    hours = pl.datetime_ranges("first", pl.col("last").max(), HOUR, time_zone="UTC").alias(contract.EVENT_TIME)
    grid = (
        spans.select(contract.ZONE_KEY, hours).explode(contract.EVENT_TIME).sort(contract.ZONE_KEY, contract.EVENT_TIME)
    )
    hourly = _window(grid, sums, contract.ZONE_KEY, HOUR).select(
        contract.ZONE_KEY,
        contract.EVENT_TIME,
        pl.col("trips").cast(pl.Float64).alias("zone_trips_1h"),
        _mean_speed().alias("zone_mean_speed_1h"),
        _mean_duration().alias("zone_mean_duration_1h"),
    )
    return _window(hourly, sums, contract.ZONE_KEY, FOUR_WEEKS).select(
        contract.ZONE_KEY,
        contract.EVENT_TIME,
        *contract.ZONE_FEATURES[:3],
        pl.col("trips").cast(pl.Float64).alias("zone_trips_4w"),
        _mean_speed().alias("zone_mean_speed_4w"),
        _mean_duration().alias("zone_mean_duration_4w"),
    )


def pair_features(trips: pl.LazyFrame) -> pl.LazyFrame:
    """Features of a pair of zones at the end of every day on which one of its trips ended.

    Args:
        trips: As for ``zone_features``, with DROPOFF_ZONE.

    Returns:
        [pairs * days] sorted by key and time: PAIR_KEY (Int64), EVENT_TIME (Datetime, UTC), PAIR_FEATURES (Float64;
        trips, seconds, miles per hour) over the trips that ended in the four weeks before.
    """
    sums = _running_sums(trips, pair_key(), timedelta(days=1))
    grid = sums.select(contract.PAIR_KEY, contract.EVENT_TIME)
    return _window(grid, sums, contract.PAIR_KEY, FOUR_WEEKS).select(
        contract.PAIR_KEY,
        contract.EVENT_TIME,
        pl.col("trips").cast(pl.Float64).alias("pair_trips_4w"),
        _mean_duration().alias("pair_mean_duration_4w"),
        _mean_speed().alias("pair_mean_speed_4w"),
    )


def _running_sums(trips: pl.LazyFrame, key: pl.Expr, step: timedelta) -> pl.LazyFrame:
    """Sums over all of a key's trips that ended by the end of each step in which one did, sorted by key and time."""
    started, ended = event_time(pl.col(contract.PICKUP_TIME)), event_time(pl.col(contract.DROPOFF_TIME))
    distance = (pl.col(contract.DISTANCE) * _DISTANCE_UNITS_PER_MILE).round().cast(pl.Int64)
    name = key.meta.output_name()
    return (
        trips.select(
            key,
            # A trip that ends on the stroke of the hour has ended by then.
            ((ended - _TICK).dt.truncate(step) + step).alias(contract.EVENT_TIME),
            (ended - started).dt.total_microseconds().alias("duration"),
            distance.alias("distance"),
        )
        .group_by(name, contract.EVENT_TIME)
        .agg(pl.len().cast(pl.Int64).alias("trips"), pl.col("duration").sum(), pl.col("distance").sum())
        .sort(name, contract.EVENT_TIME)
        .with_columns(pl.col(*_SUMS).cum_sum().over(name))
    )


def _window(grid: pl.LazyFrame, sums: pl.LazyFrame, key: str, width: timedelta) -> pl.LazyFrame:
    """Sums over the trips that ended in (t - width, t], for each row (key, t) of a sorted grid; 0 without a trip."""
    start = grid.with_columns((pl.col(contract.EVENT_TIME) - width).alias("start"))
    # Both sides are sorted by key and time, so times are sorted within each key, which polars cannot see.
    as_of = {"by": key, "right_on": contract.EVENT_TIME, "coalesce": False, "check_sortedness": False}
    upto = start.join_asof(sums, left_on=contract.EVENT_TIME, suffix="_until", **as_of)
    both = upto.join_asof(sums, left_on="start", suffix="_before", **as_of)
    return both.with_columns(pl.col(name).fill_null(0) - pl.col(f"{name}_before").fill_null(0) for name in _SUMS)


def _mean_duration() -> pl.Expr:
    """Seconds per trip; null without a trip."""
    seconds = pl.col("duration") / _MICROSECONDS_PER_SECOND
    return pl.when(pl.col("trips") > 0).then(seconds / pl.col("trips"))


def _mean_speed() -> pl.Expr:
    """Total miles over total hours; null without a trip."""
    miles = pl.col("distance") / _DISTANCE_UNITS_PER_MILE
    hours = pl.col("duration") / (_MICROSECONDS_PER_SECOND * _SECONDS_PER_HOUR)
    return pl.when(pl.col("duration") > 0).then(miles / hours)
