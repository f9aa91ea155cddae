"""How fast a window is profiled and judged, beside Evidently on the same columns in the same process."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from monitoring.drift import compare
from monitoring.profile import fit_layout, profile

_NUMBERS, _CATEGORIES = 16, 4
_REPEATS = 3
_SEED = 0


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        rows: Of the window that was profiled and compared.
        seconds: Of processor time for it, the best of some repeats.
        evidently_rows: Of the window that Evidently compared, with a reference of as many.
        evidently_seconds: Of processor time for that, once.
        profile_bytes: Of the window's profile as JSON.
        equal: Of the columns, on how many both give one verdict, on Evidently's rows.
    """

    rows: int
    seconds: float
    evidently_rows: int
    evidently_seconds: float
    profile_bytes: int
    equal: int

    @property
    def ratio(self) -> float:
        """Rows a second beside Evidently's."""
        return self.rows / self.seconds / (self.evidently_rows / self.evidently_seconds)


def columns(rows: int, seed: int) -> pl.DataFrame:
    """16 columns of numbers, a quarter with missing values, and 4 of categories; float64 and int64 [rows]."""
    random = np.random.default_rng(seed)
    drawn: dict[str, np.ndarray] = {}
    for number in range(_NUMBERS):
        values = random.lognormal(0, 0.4 + 0.05 * number, rows)
        if number % 4 == 0:
            values[random.random(rows) < 0.1] = np.nan
        drawn[f"number_{number}"] = values
    for number, count in zip(range(_CATEGORIES), (2, 7, 24, 263), strict=True):
        drawn[f"category_{number}"] = random.integers(count, size=rows)
    return pl.DataFrame(drawn)


def measure(rows: int, evidently_rows: int) -> Speed:
    """Time both; the reference is profiled beforehand, as it is in service."""
    reference, window = columns(rows, _SEED), columns(rows, _SEED + 1)
    numbers, categories = window.columns[:_NUMBERS], window.columns[_NUMBERS:]
    layout = fit_layout(reference, numbers=numbers, categories=categories)
    kept = profile(reference, layout)
    seconds = min(_seconds(lambda: compare(kept, profile(window, layout), layout)) for _ in range(_REPEATS))
    few, current = reference[:evidently_rows], window[:evidently_rows]
    theirs, evidently_seconds = _evidently(few, current, numbers, categories)
    small = fit_layout(few, numbers=numbers, categories=categories)
    ours = {one.column: one.verdict == "drift" for one in compare(profile(few, small), profile(current, small), small)}
    return Speed(
        rows=rows,
        seconds=seconds,
        evidently_rows=evidently_rows,
        evidently_seconds=evidently_seconds,
        profile_bytes=len(profile(window, layout).model_dump_json()),
        equal=sum(ours[name] == drifted for name, drifted in theirs.items()),
    )


def _evidently(
    reference: pl.DataFrame, current: pl.DataFrame, numbers: list[str], categories: list[str]
) -> tuple[dict[str, bool], float]:
    """Which columns drifted by Evidently's default preset, and the seconds that it took."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    after, before = (Dataset.from_pandas(side.to_pandas(), data_definition=definition) for side in (current, reference))
    found: dict[str, bool] = {}

    def run() -> None:
        metrics = Report([DataDriftPreset()]).run(after, before).dict()["metrics"]
        for metric in metrics:
            settings = metric["config"]
            if settings.get("column") in current.columns:
                found[settings["column"]] = metric["value"] >= settings["threshold"]

    return found, _seconds(run)


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
