"""Check that serving sees what training saw: offline and online features of the same entities at the same time."""

import components.features.unchecked  # noqa: F401

# isort: split
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
import polars as pl

from components import contract, tables, thresholds
from components.features import aggregates, online_state
from components.features.online import (
    ONLINE_FEATURES,
    OnlineFeaturesUnavailableError,
    read_answer,
    request_body,
    unknown_entities,
)
from components.features.online_state import State
from components.features.store import opened
from components.platform import Platform

# Pairs that are compared, besides one for each zone.
SAMPLE = 500
MAX_TOLD = 10
# No trip begins there.
_UNKNOWN = (contract.FIRST_ZONE - 1, contract.FIRST_ZONE - 1)
# On a machine with other work the feature server took half a minute once.
_TIMEOUT_SECONDS = 120.0


class ParityError(RuntimeError):
    """The online store says something else than the offline store; the message names entities, features and values."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A feature of an entity that is not the same in both stores; None stands for a missing value."""

    entity: str
    feature: str
    offline: float | None
    online: float | None


def check_parity(
    platform: Platform, zone_features_version: int, pair_features_version: int, end: datetime, report: Path
) -> int:
    """Compare a sample of entities, and write the report as JSON.

    Online values come from the feature server, asked and read as serving does it. The sample has every zone, pairs
    drawn by a fixed seed, pairs that may be unknown, and a zone that is. What trips that were pushed have changed since
    is left out and counted. Where a newer version is online, there is nothing to compare: its own run checks it.

    Args:
        platform: Its feature store is read offline at the versions given, and its feature server is asked.
        zone_features_version: Version of the table of zone features.
        pair_features_version: Version of the table of pair features.
        end: The time that was materialised to, with time zone.
        report: JSON file to write.

    Returns:
        The number of values that were compared.

    Raises:
        ParityError: A value differs by more than the tolerance, or the versions are not online.
    """
    versions = {tables.ZONE_FEATURES_TABLE: zone_features_version, tables.PAIR_FEATURES_TABLE: pair_features_version}
    pairs = sample(platform, versions)
    # No one writes while it is read.
    with online_state.transaction(platform) as cursor:
        state = online_state.read(cursor)
        pushed = online_state.pushed(cursor)
        online = _online(platform, pairs)
    comparable = _comparable(pairs, state, versions, end, pushed)
    offline = _offline(platform, versions, pairs, end)
    found = list(differences(pairs, offline, np.where(comparable, online, offline)))
    compared = int(comparable.sum())
    if found:
        told = "; ".join(f"{d.feature} of {d.entity}: offline {d.offline}, online {d.online}" for d in found[:MAX_TOLD])
        raise ParityError(
            f"{len(found)} of {compared} values differ between the offline and the online store at {end}: {told}; "
            "materialise again, and look for another writer of the online store"
        )
    content = {
        "end": end.isoformat(),
        "versions": versions,
        "online": None if state is None else asdict(state),
        "entities": len(pairs),
        "compared": compared,
        "left_out": comparable.size - compared,
        "unknown_entities": unknown_entities(online),
        "tolerance": thresholds.PARITY_TOLERANCE,
        "differences": [asdict(one) for one in found],
    }
    report.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    return compared


def differences(pairs: list[tuple[int, int]], offline: np.ndarray, online: np.ndarray) -> Iterator[Difference]:
    """Values that are not the same.

    Args:
        pairs: Pick-up and drop-off zone of each row.
        offline: float64 [len(pairs), len(ONLINE_FEATURES)]; NaN is missing.
        online: Likewise.
    """
    for (pickup, dropoff), expected, actual in zip(pairs, offline.tolist(), online.tolist(), strict=True):
        for name, one, other in zip(ONLINE_FEATURES, expected, actual, strict=True):
            if not same(one, other):
                entity = f"zone {pickup}" if name in contract.ZONE_FEATURES else f"pair {pickup} to {dropoff}"
                yield Difference(entity=entity, feature=name, offline=_told(one), online=_told(other))


def same(offline: float, online: float) -> bool:
    """Whether two values are equal within the tolerance; a missing value is equal to a missing one alone."""
    if math.isnan(offline) or math.isnan(online):
        return math.isnan(offline) and math.isnan(online)
    return math.isclose(offline, online, rel_tol=thresholds.PARITY_TOLERANCE, abs_tol=0.0)


def sample(platform: Platform, versions: dict[str, int]) -> list[tuple[int, int]]:
    """Pick-up and drop-off zones to compare; the same versions give the same ones."""
    seed = versions[tables.PAIR_FEATURES_TABLE]

    def known(table: str, key: str) -> pl.Series:
        keys = tables.scan(platform, table, versions[table]).select(pl.col(key).unique().sort())
        return keys.collect(engine="streaming")[key]

    zones = known(tables.ZONE_FEATURES_TABLE, contract.ZONE_KEY)
    keys = known(tables.PAIR_FEATURES_TABLE, contract.PAIR_KEY)
    drawn = keys.sample(min(SAMPLE, len(keys)), seed=seed)
    # Some of these pairs are unknown.
    any_pairs = zip(zones, zones.sample(len(zones), shuffle=True, seed=seed), strict=True)
    return [*any_pairs, *(divmod(key, contract.PAIR_FACTOR) for key in drawn), _UNKNOWN]


def _comparable(
    pairs: list[tuple[int, int]], state: State | None, versions: dict[str, int], end: datetime, pushed: pl.DataFrame
) -> np.ndarray:
    """bool [len(pairs), len(ONLINE_FEATURES)]: what should be online as it is offline.

    Raises:
        ParityError: Something older is online.
    """
    comparable = np.ones((len(pairs), len(ONLINE_FEATURES)), dtype=bool)
    asked, wanted = tuple(versions.values()), f"versions {tuple(versions.values())} at {end}"
    if state is None:
        raise ParityError(f"{wanted} are not online, nothing is: run the materialize step")
    held = (state.zone_features_version, state.pair_features_version)
    if any(has < wants for has, wants in zip(held, asked, strict=True)) or (held == asked and state.materialized < end):
        raise ParityError(f"{wanted} are not online, but {held} at {state.materialized}: run the materialize step")
    if held != asked or state.materialized != end:
        return ~comparable
    then = replace(state, newest=state.materialized)
    touched_zones = set(pushed[contract.PICKUP_ZONE])
    touched_pairs = set(pushed.select(aggregates.pair_key()).to_series())
    # At another hour every zone has other features, on another day every pair may have.
    zones = [state.hour > then.hour or pickup in touched_zones for pickup, _ in pairs]
    both = [state.day > then.day or contract.pair_id(*pair) in touched_pairs for pair in pairs]
    count = len(contract.ZONE_FEATURES)
    comparable[:, :count] = ~np.array(zones)[:, None]
    comparable[:, count:] = ~np.array(both)[:, None]
    return comparable


def _offline(platform: Platform, versions: dict[str, int], pairs: list[tuple[int, int]], end: datetime) -> np.ndarray:
    """What a point-in-time join at ``end`` finds."""
    entities = pl.DataFrame(
        {
            contract.ZONE_KEY: [pickup for pickup, _ in pairs],
            contract.PAIR_KEY: [contract.pair_id(*pair) for pair in pairs],
        }
    ).with_columns(pl.lit(end).dt.convert_time_zone("UTC").alias(contract.EVENT_TIME))
    with opened(platform, versions) as store:
        service = store.get_feature_service(contract.FEATURE_SERVICE)
        found = pl.from_arrow(store.get_historical_features(entities, service).to_arrow())  # pyright: ignore[reportArgumentType]
    assert isinstance(found, pl.DataFrame)
    return found.select(pl.col(ONLINE_FEATURES).cast(pl.Float64)).to_numpy()


def _online(platform: Platform, pairs: list[tuple[int, int]]) -> np.ndarray:
    """What serving is told."""
    try:
        with httpx.Client(base_url=platform.feast_server_url, timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            answer = client.post("/get-online-features", json=request_body(pairs))
            answer.raise_for_status()
            return read_answer(answer.json(), len(pairs))
    except (httpx.HTTPError, ValueError, OnlineFeaturesUnavailableError) as error:
        raise ParityError(
            f"the feature server at {platform.feast_server_url} gave no features ({error}); "
            "see that it runs and that its definitions are applied"
        ) from error


def _told(value: float) -> float | None:
    return None if math.isnan(value) else value
