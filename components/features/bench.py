"""How fast features are joined, brought online and pushed: ``python -m components.features.bench --rows 1000000``.

Runs on the stack of the environment, after a training run, and prints one JSON line. Entity rows are drawn from the
newest feature tables. What is written online is undone: the copy is rolled back, and pushed trips are forgotten.
"""

import components.features.unchecked  # noqa: F401

# isort: split
import json
import os
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import polars as pl
import typer

from components import contract, tables
from components.features import online_rows, online_state
from components.features.online import ONLINE_FEATURES, read_answer, request_body
from components.features.online_state import State
from components.features.push import push
from components.features.store import opened
from components.materialize.step import materialize
from components.platform import Platform

_REPEATS = 3
_SEED = 0
# Zones that stand for "unknown" and "outside the city".
_NOWHERE = (contract.LAST_ZONE - 1, contract.LAST_ZONE)
_PUSHES, _PUSHED_TRIPS = 10, 100
_POLL_SECONDS = 0.005


class _UndoneError(Exception):
    """Rolls a transaction back."""


def entity_rows(platform: Platform, rows: int) -> pl.DataFrame:
    """Entity rows of known zones and pairs at any time of the newest feature tables, in no order."""
    random = np.random.default_rng(_SEED)
    known = {}
    for table, key in (
        (tables.ZONE_FEATURES_TABLE, contract.ZONE_KEY),
        (tables.PAIR_FEATURES_TABLE, contract.PAIR_KEY),
    ):
        known[key] = tables.scan(platform, table).select(pl.col(key).unique().sort()).collect().to_series().to_numpy()
    time_of = pl.col(contract.EVENT_TIME)
    zones = tables.scan(platform, tables.ZONE_FEATURES_TABLE)
    first, last = zones.select(time_of.min().alias("first"), time_of.max().alias("last")).collect().row(0)
    drawn = {key: random.choice(keys, rows) for key, keys in known.items()}
    drawn["seconds"] = random.integers(0, int((last - first).total_seconds()), rows)
    moment = pl.lit(first) + pl.duration(seconds=pl.col("seconds"))
    return pl.DataFrame(drawn).with_columns(moment.alias(contract.EVENT_TIME)).drop("seconds")


def join(platform: Platform, rows: int) -> dict[str, Any]:
    """Seconds and memory of a point-in-time join through Feast, whose answer is checked for all rows in their order."""
    entities, seconds = entity_rows(platform, rows), []
    with opened(platform) as store:
        service = store.get_feature_service(contract.FEATURE_SERVICE)
        for _ in range(_REPEATS):
            began = time.perf_counter()
            found = pl.from_arrow(store.get_historical_features(entities, service).to_arrow())  # pyright: ignore[reportArgumentType]
            seconds.append(round(time.perf_counter() - began, 2))
            assert isinstance(found, pl.DataFrame)
            assert found.select(entities.columns).equals(entities)
    return {"rows": rows, "seconds": seconds, "peak_megabytes": _peak_megabytes()}


def write(platform: Platform, keys: int) -> dict[str, Any]:
    """Pairs that are brought online in a second; none of them was there before or is after."""
    random = np.random.default_rng(_SEED)
    first = 1_000_000_000
    columns = {
        contract.PAIR_KEY: np.arange(first, first + keys),
        contract.EVENT_TIME: np.full(keys, np.datetime64("2026-01-01", "us")),
        **{name: random.uniform(0, 1000, keys) for name in contract.PAIR_FEATURES},
    }
    rows = pl.DataFrame(columns).with_columns(pl.col(contract.EVENT_TIME).dt.replace_time_zone("UTC"))
    seconds = 0.0
    with suppress(_UndoneError), online_state.transaction(platform) as cursor:
        began = time.perf_counter()
        online_rows.write(cursor, tables.PAIR_FEATURES_TABLE, contract.PAIR_KEY, rows)
        seconds = time.perf_counter() - began
        raise _UndoneError
    return {"keys": keys, "seconds": round(seconds, 2), "keys_per_second": round(keys / seconds)}


def latency(platform: Platform) -> dict[str, Any]:
    """Seconds from a push of trips until the feature server answers with them."""
    with online_state.transaction(platform) as cursor:
        state = online_state.read(cursor)
    if state is None or state.last_ended is None:
        raise typer.BadParameter("nothing is online yet: run the training pipeline first")
    seconds = []
    try:
        with httpx.Client(base_url=platform.feast_server_url, trust_env=False) as client:
            before = _trips_of_nowhere(client)
            for number in range(_PUSHES):
                trips = _trips(state.last_ended + timedelta(seconds=number * _PUSHED_TRIPS))
                began = time.perf_counter()
                before += push(platform, trips).counted
                while _trips_of_nowhere(client) != before:
                    time.sleep(_POLL_SECONDS)
                seconds.append(time.perf_counter() - began)
    finally:
        _forget(platform, state)
    return {
        "trips_per_push": _PUSHED_TRIPS,
        "median_seconds": round(float(np.median(seconds)), 3),
        "slowest_seconds": round(max(seconds), 3),
    }


def _trips(after: datetime) -> pl.DataFrame:
    """Trips between zones that stand for none, one ending each second after a time."""
    ended = pl.datetime_range(
        after, interval="1s", end=after + timedelta(seconds=_PUSHED_TRIPS), closed="right", eager=True
    )
    wall_clock = ended.dt.replace_time_zone(None)
    return pl.DataFrame(
        {
            contract.PICKUP_TIME: wall_clock - timedelta(minutes=10),
            contract.DROPOFF_TIME: wall_clock,
            contract.PICKUP_ZONE: [_NOWHERE[0]] * _PUSHED_TRIPS,
            contract.DROPOFF_ZONE: [_NOWHERE[1]] * _PUSHED_TRIPS,
            contract.DISTANCE: [2.0] * _PUSHED_TRIPS,
            contract.PASSENGERS: [1] * _PUSHED_TRIPS,
        }
    )


def _trips_of_nowhere(client: httpx.Client) -> int:
    answer = client.post("/get-online-features", json=request_body([_NOWHERE])).raise_for_status()
    count = read_answer(answer.json(), 1)[0, ONLINE_FEATURES.index("pair_trips_4w")]
    return 0 if np.isnan(count) else int(count)


def _forget(platform: Platform, state: State) -> None:
    """Take the online store back to its batch and to what others pushed."""
    with online_state.transaction(platform) as cursor:
        pushed = online_state.pushed(cursor)
        online_state.forget(cursor, pushed.filter(pl.col(contract.PICKUP_ZONE) == _NOWHERE[0]))
    versions = (state.zone_features_version, state.pair_features_version)
    materialize(platform, *versions, state.materialized, move_back=True)


def _peak_megabytes() -> int:
    """The most memory that this process has held; ``getrusage`` would tell of the process that started it, too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1000


def main(rows: Annotated[int, typer.Option(help="Entity rows to join.")] = 1_000_000) -> None:
    """Measure on the platform of the environment; the join first, whose memory is then its own."""
    platform = Platform()  # pyright: ignore[reportCallIssue]
    counts = {
        name: tables.version_rows(platform, name, tables.latest_version(platform, name) or 0)
        for name in (tables.ZONE_FEATURES_TABLE, tables.PAIR_FEATURES_TABLE)
    }
    figures = {
        "cores": len(os.sched_getaffinity(0)),
        "feature_rows": counts,
        "join": join(platform, rows),
        "materialize": write(platform, rows // 10),
        "push": latency(platform),
    }
    typer.echo(json.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
