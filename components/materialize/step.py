"""Copy the newest features to the online store, so that serving sees what training saw."""

import components.features.unchecked  # noqa: F401

# isort: split
import sys
from datetime import datetime

import polars as pl
from feast import FeatureStore, FeatureView

from components import contract, tables
from components.features import aggregates, builds, online_rows, online_state, online_sums
from components.features.online_state import State, Transaction
from components.features.online_sums import PAIRS, ZONES, Kind
from components.features.push import count, in_batch
from components.features.store import opened
from components.platform import Platform

_KEYS = {tables.ZONE_FEATURES_TABLE: contract.ZONE_KEY, tables.PAIR_FEATURES_TABLE: contract.PAIR_KEY}
_STEP_SUMS = dict(zip(aggregates.STEP_SUMS, aggregates.SUMS, strict=True))


def materialize(
    platform: Platform,
    zone_features_version: int,
    pair_features_version: int,
    end: datetime,
    *,
    move_back: bool = False,
    forget_pushed: bool = False,
) -> dict[str, int]:
    """Bring the online store to what a point-in-time join at ``end`` finds, and to the trips pushed since.

    Only features that differ from what is online are written, all in one transaction: a call that was killed left
    nothing, and a second call writes nothing. Older versions than those online, or an older end, change nothing either,
    so a run that is repeated or late never takes the online store back.

    Args:
        end: The newest time that counts, with time zone.
        move_back: Take the online store back to older versions on purpose.
        forget_pushed: Let no trip count that was pushed so far.

    Returns:
        View name to the number of keys that are online.

    Raises:
        ValueError: ``end`` has no time zone.
    """
    if end.tzinfo is None:
        raise ValueError(f"end must have a time zone, and is {end}; pass the feature_end of the build_features step")
    versions = {tables.ZONE_FEATURES_TABLE: zone_features_version, tables.PAIR_FEATURES_TABLE: pair_features_version}
    with opened(platform, versions) as store:
        with online_state.transaction(platform) as cursor:
            state = online_state.read(cursor)
            if forget_pushed:
                online_state.forget(cursor, online_state.pushed(cursor))
            elif state is not None and not move_back and _has(state, versions, end):
                return {name: online_rows.keys(cursor, name) for name in versions}
            online = _bring(platform, store, cursor, versions, end, before=state)
        for name in versions:
            # Feast's browser and its freshness metric tell people about it; nothing decides by it.
            view = store.get_feature_view(name)
            store.registry.apply_materialization(view, store.project, end - aggregates.FOUR_WEEKS, end)
        return online


def _has(state: State, versions: dict[str, int], end: datetime) -> bool:
    """Whether the online store has this already or something newer; says which on stderr."""
    asked = tuple(versions.values())
    held = (state.zone_features_version, state.pair_features_version)
    if asked == held and state.materialized == end:
        return True
    older = all(new <= old for new, old in zip(asked, held, strict=True)) and (
        asked != held or end < state.materialized
    )
    if older:
        sys.stderr.write(
            f"nothing written: versions {held} at {state.materialized} are online, newer than {asked} at {end}; "
            "to go back on purpose run `python -m components.materialize --move-back`\n"
        )
    return older


def _bring(
    platform: Platform,
    store: FeatureStore,
    cursor: Transaction,
    versions: dict[str, int],
    end: datetime,
    before: State | None,
) -> dict[str, int]:
    """Bring both views and the sums behind them to ``end``, then count what was pushed; returns the keys of each."""
    since = end - aggregates.FOUR_WEEKS
    for name, key in _KEYS.items():
        rows = _newest(store, store.get_feature_view(name), since, end)
        online_rows.write(cursor, name, key, rows)
        online_rows.retain_keys(cursor, name, key, rows[key])
    for name, kind in ((tables.ZONE_FEATURES_TABLE, ZONES), (tables.PAIR_FEATURES_TABLE, PAIRS)):
        online_sums.replace(cursor, kind, _sums(platform, name, versions[name], kind, end))
    build = builds.find(platform, versions)
    state = State(
        zone_features_version=versions[tables.ZONE_FEATURES_TABLE],
        pair_features_version=versions[tables.PAIR_FEATURES_TABLE],
        materialized=end,
        newest=end,
        data_version=build.data_version if build else None,
        last_ended=build.last_ended if build else None,
    )
    online_state.save(cursor, state)
    _count_pushed(platform, cursor, state, before)
    return {name: online_rows.keys(cursor, name) for name in versions}


def _newest(store: FeatureStore, view: FeatureView, since: datetime, end: datetime) -> pl.DataFrame:
    """The newest features of each key in a time, as Feast's offline store finds them."""
    assert view.batch_source is not None
    names = [feature.name for feature in view.features]
    job = store.provider.offline_store.pull_latest_from_table_or_query(
        store.config, view.batch_source, [_KEYS[view.name]], names, contract.EVENT_TIME, None, since, end
    )
    found = pl.from_arrow(job.to_arrow())
    assert isinstance(found, pl.DataFrame)
    return found


def _sums(platform: Platform, name: str, version: int, kind: Kind, end: datetime) -> pl.DataFrame:
    """The sums behind a table's features, as far back as a push can need them; those of what still runs as well."""
    time = pl.col(contract.EVENT_TIME)
    rows = tables.scan(platform, name, version).filter(time > end - online_sums.KEPT, time < end + kind.step)
    # A quiet hour adds nothing, but a zone's last one that is over says that there is such a zone.
    over = time.filter(time <= end).max().over(kind.key)
    told = (pl.col(aggregates.STEP_SUMS[0]) > 0) | (time == over)
    return rows.filter(told).select(kind.key, contract.EVENT_TIME, *aggregates.STEP_SUMS).rename(_STEP_SUMS).collect()


def _count_pushed(platform: Platform, cursor: Transaction, state: State, before: State | None) -> None:
    """Count the pushed trips that this batch does not have, and forget the others."""
    if before is not None and state.materialized < before.materialized:
        # These are trips of another time; what was pushed does not follow them.
        online_state.forget(cursor, online_state.pushed(cursor))
        return
    pushed = online_state.pushed(cursor)
    if pushed.is_empty():
        return
    ended = aggregates.event_time(pl.col(contract.DROPOFF_TIME))
    old = pushed.filter(ended <= state.newest - online_sums.KEPT).select(online_state.IDENTITY)
    done = pl.concat([in_batch(platform, state, pushed), old]).unique()
    online_state.forget(cursor, done)
    count(cursor, state, pushed.join(done, on=online_state.IDENTITY, how="anti"))
