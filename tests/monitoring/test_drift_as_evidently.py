"""On 200 generated pairs of columns, profiles say what Evidently says: same statistic, same verdict, same number."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

from monitoring.drift import ColumnDrift, Verdict, compare
from monitoring.profile import fit_layout, profile

Draw = Callable[[np.random.Generator, int, float], np.ndarray]


def with_holes(draw: Draw) -> Draw:
    def drawn(random: np.random.Generator, rows: int, shift: float) -> np.ndarray:
        values = draw(random, rows, shift)
        values[random.random(rows) < 0.1] = math.nan
        values[random.random(rows) < 0.001] = math.inf
        return values

    return drawn


def spiked(random: np.random.Generator, rows: int, shift: float) -> np.ndarray:
    return np.where(random.random(rows) < 0.4 + shift / 4, 3.0, random.normal(shift, 1, rows))


# ``shift`` is 0 for no change and about how many standard deviations else.
NUMBERS: dict[str, Draw] = {
    "normal": lambda random, rows, shift: random.normal(5 + 2 * shift, 2, rows),
    "wider": lambda random, rows, shift: random.normal(0, 1 + shift, rows),
    "uniform": lambda random, rows, shift: random.uniform(-1, 1 + shift, rows),
    "exponential": lambda random, rows, shift: random.exponential(300 * (1 + shift), rows),
    "lognormal": lambda random, rows, shift: random.lognormal(shift, 1, rows),
    "heavy-tailed": lambda random, rows, shift: random.standard_t(2.5, rows) + shift,
    "absurd": lambda random, rows, shift: np.where(random.random(rows) < 0.0005, 1e4, random.normal(shift, 1, rows)),
    "counts": lambda random, rows, shift: random.poisson(4 + 2 * shift, rows).astype(float),
    "two humps": lambda random, rows, shift: random.normal(np.where(random.random(rows) < 0.5 - shift / 4, -3, 3), 1),
    "spiked": spiked,
    "tiny": lambda random, rows, shift: random.normal(1e-5 * shift, 1e-5, rows),
    "far away": lambda random, rows, shift: random.normal(1e9 + shift, 1, rows),
    "beyond the range": lambda random, rows, shift: random.uniform(0, 1, rows) * (1 + 100 * shift),
    "four values": lambda random, rows, shift: random.choice([0, 1, 2, 7], rows, p=_four(shift)).astype(float),
    "holes": with_holes(lambda random, rows, shift: random.normal(shift, 1, rows)),
}
CATEGORIES: dict[str, Draw] = {
    "two": lambda random, rows, shift: (random.random(rows) < 0.3 + shift / 3).astype(float),
    "zones": lambda random, rows, shift: np.minimum(random.geometric(0.02 * (1 + shift), rows), 265),
    "words": lambda random, rows, shift: random.choice(["cash", "card", "none", "app"], rows, p=_four(shift)),
    "new ones": lambda random, rows, shift: random.integers(0, 10 + round(20 * shift), rows),
    "gone ones": lambda random, rows, shift: random.integers(round(20 * shift), 40, rows),
}
SIZES = ((1_500, 1_200), (20_000, 3_000), (5_000, 20_000), (50_000, 50_000), (1_200, 1_000))
SHIFTS = (0.0, 0.05, 0.12, 0.6)


def _four(shift: float) -> list[float]:
    moved = 0.3 * min(shift, 1)
    return [0.5 - moved, 0.2 + moved, 0.2, 0.1]


CASES = [
    pytest.param(name, kind, draw, SIZES[(number + turn) % len(SIZES)], shift, 10 * number + turn, id=f"{name}-{turn}")
    for kind, table in (("number", NUMBERS), ("category", CATEGORIES))
    for number, (name, draw) in enumerate(table.items())
    for turn, shift in enumerate((*SHIFTS, *SHIFTS, 0.08, 0.3))
]


def evidently_says(kind: str, reference: np.ndarray, current: np.ndarray) -> tuple[str, float, bool]:
    """Statistic, value and verdict of Evidently's own report."""
    definition = (
        DataDefinition(numerical_columns=["x"]) if kind == "number" else DataDefinition(categorical_columns=["x"])
    )
    after, before = (
        Dataset.from_pandas(pd.DataFrame({"x": side}), data_definition=definition) for side in (current, reference)
    )
    result = Report([ValueDrift(column="x")], include_tests=True).run(after, before).dict()
    metric, test = result["metrics"][0], result["tests"][0]
    return metric["config"]["method"], float(metric["value"]), str(test["status"]).upper().endswith("FAIL")


def we_say(kind: str, reference: np.ndarray, current: np.ndarray) -> ColumnDrift:
    before, after = (pl.DataFrame({"x": side}) for side in (reference, current))
    layout = fit_layout(
        before, numbers=["x"] if kind == "number" else [], categories=["x"] if kind == "category" else []
    )
    [found] = compare(profile(before, layout), profile(after, layout), layout, min_rows=500)
    return found


def test_there_are_two_hundred_cases() -> None:
    assert len(CASES) == 200


@pytest.mark.parametrize(("name", "kind", "draw", "sizes", "shift", "seed"), CASES)
def test_a_profile_says_what_evidently_says(
    name: str, kind: str, draw: Draw, sizes: tuple[int, int], shift: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    reference, current = draw(random, sizes[0], 0.0), draw(random, sizes[1], shift)
    method, value, drifted = evidently_says(kind, reference, current)
    found = we_say(kind, reference, current)
    assert found.method == method
    assert found.statistic == pytest.approx(value, abs=1e-3), name
    assert (found.verdict is Verdict.DRIFT) == drifted
