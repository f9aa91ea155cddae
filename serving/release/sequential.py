"""A confidence interval for a mean that holds at every moment at once, so that it may be looked at after each label.

An ordinary interval is right at one moment that was chosen beforehand. Who looks again and again, and stops when what
is seen pleases, finds a difference sooner or later where there is none. This one is ever wrong in at most a share
``alpha`` of the cases: the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52 (2024), theorem 2.2.
"""

import math
from dataclasses import dataclass

import numpy as np

# The number of values at which the interval is narrowest, relative to what is possible: of hours, four days.
TIGHTEST_AT = 96
# With fewer, the mean is not yet normal enough for the limit theorem; a day has so many hours, and each is another.
MIN_VALUES = 24


@dataclass(frozen=True)
class Bounds:
    """A mean, and between what it lies.

    Attributes:
        count: Values that it was made from.
        mean: Of the values.
        low: Lower end; minus infinity where there are fewer than MIN_VALUES.
        high: Upper end; likewise.
    """

    count: int
    mean: float
    low: float
    high: float


def mean_bounds(values: np.ndarray, alpha: float) -> Bounds:
    """The mean of values and its time-uniform interval.

    Args:
        values: float64 [n], in any order.
        alpha: Share of the cases in which the interval may ever be wrong.
    """
    count = len(values)
    mean = float(values.mean()) if count else math.nan
    if count < MIN_VALUES:
        return Bounds(count, mean, -math.inf, math.inf)
    half = float(values.std()) * math.sqrt(_squared_width(count, alpha))
    return Bounds(count, mean, mean - half, mean + half)


def _squared_width(count: int, alpha: float) -> float:
    # The paper's rho, at its approximate best for TIGHTEST_AT values (its section 2.3 and appendix).
    scaled = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / TIGHTEST_AT
    inside = count * scaled + 1
    return 2 * inside / (count**2 * scaled) * math.log(math.sqrt(inside) / alpha)
