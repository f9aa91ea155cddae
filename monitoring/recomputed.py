"""The features of predicted trips as the batch makes them: from the trips that had ended when they began."""

from datetime import datetime

import polars as pl

from components import contract, tables
from components.features import aggregates, online_state
from components.features.transform import request_features
from components.platform import Platform
from components.served import tables as log
from components.served.labelled import labelled
from components.served.trips import recorded
from monitoring.clock import Clock
from monitoring.columns import EVENT_KEY

# Of trips that ended longer ago than their features look back nothing is left but that the zone is known.
_KNOWN = (contract.PICKUP_TIME, contract.DROPOFF_TIME, contract.PICKUP_ZONE, contract.DROPOFF_ZONE, contract.DISTANCE)
_MAKERS = ((aggregates.zone_features, contract.ZONE_KEY), (aggregates.pair_features, contract.PAIR_KEY))


def recomputed(platform: Platform, predictions: pl.DataFrame, start: datetime, clock: Clock) -> pl.DataFrame | None:
    """The features of a window's trips from the batch that is online and the outcomes that were told since.

    Where the online store was not told of these outcomes, it differs: it is stale.

    Args:
        platform: Its online store says which batch is online.
        predictions: Of the window, as from ``components.served.labelled``.
        start: Of the window, by the monitor's clock.
        clock: The monitor's.

    Returns:
        [n] EVENT_KEY and MODEL_FEATURES, one row for each trip that was asked for; None where no batch is online.
    """
    with online_state.transaction(platform) as cursor:
        online = online_state.read(cursor)
    if online is None or online.data_version is None or predictions.is_empty():
        return None
    asked = predictions.filter(pl.col(log.ROLE) == log.ANSWER)
    first = asked[contract.PICKUP_TIME].min()
    assert isinstance(first, datetime)
    ended = pl.col(contract.DROPOFF_TIME) > first - 2 * aggregates.FOUR_WEEKS
    batch = tables.scan(platform, tables.TRIPS, online.data_version).filter(ended).select(_KNOWN).collect()
    until = predictions[log.AT].max()
    assert isinstance(until, datetime)
    told = recorded(labelled(platform, clock.real(start - aggregates.FOUR_WEEKS), until)).select(_KNOWN)
    trips = pl.concat([batch, told], how="vertical_relaxed").lazy()
    distinct = pl.concat([trips, online_state.identified(trips).select("distance")], how="horizontal")
    once = distinct.unique(online_state.IDENTITY).drop("distance")
    return with_features(asked, once).select(*EVENT_KEY, *contract.MODEL_FEATURES)


def with_features(asked: pl.DataFrame, trips: pl.LazyFrame) -> pl.DataFrame:
    """Trips with their features in place of those that they have.

    Args:
        asked: [n] with PICKUP_TIME (wall clock), zones, DISTANCE, PASSENGERS and any others.
        trips: Those that are known, with the contract's times, zones and distance; of these count what had ended.

    Returns:
        [n] sorted by the time at which they began.
    """
    at = aggregates.event_time(pl.col(contract.PICKUP_TIME)).alias("began")
    made = [name for name in contract.MODEL_FEATURES if name not in (contract.DISTANCE, contract.PASSENGERS)]
    bare = asked.drop(name for name in made if name in asked.columns)
    found = request_features(bare).with_columns(at, aggregates.zone_key(), aggregates.pair_key()).sort("began")
    for make, key in _MAKERS:
        table = make(trips).collect().sort(contract.EVENT_TIME)
        found = found.join_asof(
            table.drop(aggregates.STEP_SUMS),
            left_on="began",
            right_on=contract.EVENT_TIME,
            by=key,
            tolerance=aggregates.FOUR_WEEKS,
            check_sortedness=False,
        ).drop(contract.EVENT_TIME)
    return found
