"""Have the values of trips changed? One test and one effect per column, and a correction for testing many.

A column is skewed where both speak: the test says that chance does not explain the difference, and the effect says
that it is large enough to matter. With 50,000 trips a side the test alone would call every whiff a change.

* Numbers: Kolmogorov and Smirnov's two-sample test, which sees any change of a distribution and supposes no shape;
  the effect is the Wasserstein distance in standard deviations of the reference, which grows with how far values moved.
  Both are Evidently's. The 0.1 % of all values at each end are drawn in, because one absurd fare decides a
  standard deviation.
* Categories, and whether a value is missing: the chi-squared test of homogeneity (scipy's: Evidently's takes the
  reference for the truth, though it is a sample as well, and so finds far too much in columns of many values); the
  effect is Evidently's Jensen-Shannon distance, which is defined for values that only one side has.
* All tests of a version together keep one error rate by Holm's correction, which holds for tests that depend on each
  other, as fares and distances do.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from components import thresholds
from components.profile.columns import CATEGORIES, NUMBERS

if TYPE_CHECKING:
    from evidently.legacy.calculations.stattests.registry import StatTest

KS, CHI_SQUARED = "Kolmogorov-Smirnov", "chi-squared"
WASSERSTEIN, JENSEN_SHANNON = "Wasserstein distance in standard deviations", "Jensen-Shannon distance"
MISSING = "is missing"

_DRAWN_IN = 0.001
# Cochran's rule: the chi-squared distribution is not reached by cells that expect fewer.
_LEAST_EXPECTED = 5


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was found about one column.

    Attributes:
        column: Its name; with MISSING behind it where the question is whether there is a value.
        test: KS or CHI_SQUARED.
        p_value: How likely chance makes such a difference or a larger one.
        adjusted_p_value: Likewise, after the correction for all tests together.
        measure: WASSERSTEIN or JENSEN_SHANNON.
        effect: The distance.
        skewed: Whether both the test and the effect say so.
    """

    column: str
    test: str
    p_value: float
    adjusted_p_value: float
    measure: str
    effect: float
    skewed: bool


@dataclass(frozen=True)
class _Tested:
    column: str
    test: str
    p_value: float
    measure: str
    effect: float


def compare(reference: pl.DataFrame, current: pl.DataFrame) -> list[Comparison]:
    """Compare two samples column by column; the largest effects come first, the skewed ones before all others.

    A column without any value on one side is compared by what is missing alone.

    Args:
        reference: [n] as ``components.profile.columns.derived``.
        current: [m] likewise.
    """
    tested = list(_tests(reference, current))
    adjusted = holm([one.p_value for one in tested])
    found = [
        Comparison(
            column=one.column,
            test=one.test,
            p_value=one.p_value,
            adjusted_p_value=p_value,
            measure=one.measure,
            effect=one.effect,
            skewed=p_value < thresholds.SKEW_SIGNIFICANCE and one.effect >= thresholds.SKEW_EFFECT,
        )
        for one, p_value in zip(tested, adjusted, strict=True)
    ]
    return sorted(found, key=lambda one: (not one.skewed, -one.effect))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted by Holm (1979): below a level together with the probability of that level at most."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    rising = np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * factors)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(rising, 1.0)
    return adjusted.tolist()


def _tests(reference: pl.DataFrame, current: pl.DataFrame) -> Iterator[_Tested]:
    for name in NUMBERS:
        before, after = reference[name].drop_nulls(), current[name].drop_nulls()
        if len(before) and len(after):
            yield _number(name, before, after)
    for name in CATEGORIES:
        before, after = reference[name].drop_nulls(), current[name].drop_nulls()
        if len(before) and len(after):
            yield _category(name, before, after)
    for name in (*NUMBERS, *CATEGORIES):
        before, after = reference[name].is_null(), current[name].is_null()
        if before.any() or after.any():
            yield _category(f"{name} {MISSING}", before, after)


def _number(name: str, reference: pl.Series, current: pl.Series) -> _Tested:
    from evidently.legacy.calculations.stattests import ks_stat_test, wasserstein_stat_test

    both = pl.concat([reference, current])
    low, high = both.quantile(_DRAWN_IN, "lower"), both.quantile(1 - _DRAWN_IN, "higher")
    sides = reference.clip(low, high), current.clip(low, high)
    p_value = _score(ks_stat_test, *sides, kind="num")
    return _Tested(name, KS, p_value, WASSERSTEIN, _score(wasserstein_stat_test, *sides, kind="num"))


def _category(name: str, reference: pl.Series, current: pl.Series) -> _Tested:
    from evidently.legacy.calculations.stattests import jensenshannon_stat_test

    # Texts have another order in each process, and with it sums have other last digits; codes have not.
    codes = pl.concat([reference, current]).cast(pl.String).rank("dense").cast(pl.Int64) - 1
    sides = codes[: len(reference)], codes[len(reference) :]
    p_value = homogeneity(*(side.to_numpy() for side in sides))
    return _Tested(name, CHI_SQUARED, p_value, JENSEN_SHANNON, _score(jensenshannon_stat_test, *sides, kind="cat"))


def homogeneity(reference: np.ndarray, current: np.ndarray) -> float:
    """P-value of the chi-squared test that two samples of categories come from one distribution.

    Categories that are too rare for the test are one together.

    Args:
        reference: int64 [n], codes of categories from 0.
        current: int64 [m], likewise.
    """
    from scipy.stats import chi2_contingency

    categories = int(max(reference.max(), current.max())) + 1
    table = np.stack([np.bincount(side, minlength=categories) for side in (reference, current)], axis=1).astype(float)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    rare = (expected < _LEAST_EXPECTED).any(axis=1)
    table = np.vstack([table[~rare], table[rare].sum(axis=0)])
    table = table[table.sum(axis=1) > 0]
    if len(table) < 2:
        return 1.0
    p_value: Any = chi2_contingency(table, correction=False)[1]
    return float(p_value)


def _score(test: "StatTest", reference: pl.Series, current: pl.Series, *, kind: str) -> float:
    """What one of Evidently's statistics says about two columns without missing values."""
    from evidently.legacy.core import ColumnType

    score = float(test(reference.to_pandas(), current.to_pandas(), ColumnType(kind), threshold=None).drift_score)
    # The Jensen-Shannon distance is a square root; of a distance of zero, rounding may leave less than that.
    return 0.0 if math.isnan(score) else score
