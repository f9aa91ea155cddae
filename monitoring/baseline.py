"""What a champion is compared with: the trips that it was tested on, or its first weeks in service.

The test trips of a version that learned from generated trips or from files span enough windows. One that learned from
a few days of the service's own log was tested on hours; until it has served for MIN_WINDOWS windows nothing is known
that it could be compared with, and the monitor says so.
"""

import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from components import contract
from components.build_features.step import build_features
from components.platform import Platform
from components.recording import DATA_VERSION, SOURCE
from components.score.model_version import fetch, find
from components.score.step import model_input
from components.score.trees import for_many_rows
from components.served.labelled import labelled
from components.served.source import is_served
from components.split.step import boundaries
from monitoring import observed, state
from monitoring.clock import Clock
from monitoring.quality import ErrorReference, fit_errors
from monitoring.reference import MIN_WINDOWS, Reference, ReferenceRowsError, build
from monitoring.sampling import sample

# Four times as many as a snapshot draws from them, at a window's hours; 2 MB.
_SAMPLE_ROWS = 20_000

Baseline = tuple[Reference, ErrorReference]


def baseline(
    platform: Platform,
    engine: Engine,
    model_version: str,
    length: timedelta,
    in_service: Sequence[datetime],
    clock: Clock,
) -> Baseline | None:
    """What a version is compared with; it is made when it is first asked for, and kept.

    Args:
        platform: Its registry has the version.
        engine: On the pipelines' database.
        model_version: Of the registry.
        length: Of a window.
        in_service: Starts of windows in which the version answered, by the monitor's clock, the newest last.
        clock: The monitor's.

    Returns:
        None where nothing can be made yet.

    Raises:
        components.score.model_version.NoModelError: There is no such version.
    """
    kept = state.reference(engine, _name(model_version), length.total_seconds())
    if kept is not None:
        return kept
    rows, made_from = _test_rows(platform, int(model_version)), "the trips that it was tested on"
    made = None if rows is None else _made(rows, model_version, length)
    if made is None and len(in_service) >= MIN_WINDOWS:
        first, last = in_service[0], in_service[-1] + length
        served = labelled(platform, clock.real(first), clock.real(last))
        rows = observed.window_of(served, model_version, clock.real(last + length))
        made, made_from = _made(rows, model_version, length), f"its predictions from {first} to {last}"
    if rows is None or made is None:
        return None
    state.keep_reference(
        engine,
        window_seconds=length.total_seconds(),
        made_from=made_from,
        reference=made[0],
        errors=made[1],
        sample=sample(rows, _SAMPLE_ROWS),
    )
    sys.stderr.write(f"version {model_version} is compared with {made_from}\n")
    return made


def _name(model_version: str) -> str:
    return f"model-{model_version}"


def _made(rows: pl.DataFrame, model_version: str, length: timedelta) -> Baseline | None:
    name = _name(model_version)
    try:
        return build(rows, version=name, window=length), fit_errors(rows, version=name, window=length)
    except ReferenceRowsError as error:
        sys.stderr.write(f"version {model_version}: {error}\n")
        return None


def _test_rows(platform: Platform, number: int) -> pl.DataFrame | None:
    """The test part of a version's trips with its predictions; None for one that learned from the service's log."""
    version = find(platform, number)
    data_version = version.tags.get(DATA_VERSION)
    if data_version is None or is_served(version.tags.get(SOURCE, "")):
        return None
    with tempfile.TemporaryDirectory(prefix="baseline-") as name:
        table = Path(name) / "features.parquet"
        build_features(platform, int(data_version), table)
        started = pl.col(contract.PICKUP_TIME)
        whole = pl.scan_parquet(table)
        first, last = whole.select(started.min().alias("first"), started.max().alias("last")).collect().row(0)
        trips = whole.filter(started >= boundaries(first, last)[1]).collect()
        model = for_many_rows(fetch(platform, version, Path(name) / "model"))
        return observed.tested(trips, pl.Series(model.predict(model_input(trips))))
