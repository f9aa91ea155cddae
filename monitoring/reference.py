"""What a live window is compared with: the weeks that the champion is known by, hour by hour, and how they vary.

Two things make an honest window look drifted, and both are measured on the reference itself.

*The time of day.* A window of the night beside whole weeks differs in everything that follows the clock. So the
reference is kept by strata (hour of the day, on working days and at weekends), and is mixed for each window in the
window's own proportions (post-stratification). Profiles merge, so this costs one weighted sum. What remains is a change
at the same hour. Features that are the clock itself say nothing then and are not compared.

*Luck.* Trips of one day share their traffic, so days differ by more than their number of rows tells. The reference is
cut into windows as long as a live one, and each is compared with the rest. A live window is unusual where its statistic
is beyond the prediction interval for one more such window (Student's t; Hahn and Meeker, "Statistical Intervals", 1991,
section 4.7), at a stated rate of false alarms over all columns and horizons together (Bonferroni).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict
from scipy.special import ndtri, stdtrit, xlogy

from monitoring.columns import AT, CATEGORIES, NUMBERS, SLOW, STRATA, stratum
from monitoring.drift import (
    MIN_ROWS,
    Categories,
    Numbers,
    category_statistic,
    mixed_categories,
    mixed_numbers,
    number_statistic,
)
from monitoring.profile import Layout, Profile, fit_layout, merge_all, profile

# Share of calm windows with an unusual column, over all columns and horizons together, if distances were normal. They
# are skewed: at ten times this level one of 1,600 calm windows was unusual, and at a hundred times seven.
FALSE_ALARMS = 0.00001
# How many windows are judged together: the newest, and the last ones, in which a slow drift adds up.
HORIZONS = (1, 2, 7)
MIN_WINDOWS = 8
# An hour of the reference with fewer rows is not known.
MIN_STRATUM_ROWS = 30
# Of rarer categories the reference does not know how rare they are.
_LEAST_EXPECTED = 1.0


class ReferenceRowsError(ValueError):
    """No reference can be made of these rows; the message says why."""


class WindowProfile(BaseModel):
    """A window in short; several of them make one.

    Attributes:
        rows: By stratum, STRATA numbers.
        profile: Of all rows.
    """

    model_config = ConfigDict(frozen=True)

    rows: tuple[int, ...]
    profile: Profile


class Usual(BaseModel):
    """A statistic over the reference's own windows.

    Attributes:
        mean: Over windows.
        deviation: Standard deviation over windows.
        shrinks: By horizon, the mean over so many windows together as a share of ``mean``. Chance averages out; what
            neighbouring windows share does not.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    deviation: float
    shrinks: dict[int, float]

    def limit(self, tests: int, windows: int, horizon: int) -> float:
        """What the statistic exceeds in a share FALSE_ALARMS / tests of the calm windows."""
        student = float(stdtrit(windows - 1, 1 - FALSE_ALARMS / tests))
        return self.shrinks[horizon] * (self.mean + student * self.deviation * (1 + 1 / windows) ** 0.5)


class Reference(BaseModel):
    """See the module.

    Attributes:
        version: Names it, such as the champion's version and its data version.
        window_seconds: Length of the windows that it was cut into.
        windows: How many.
        window_rows: Median of their rows.
        layout: Of all profiles.
        strata: Profile of each kind of hour.
        distance: Of each column's statistic.
        surprise: Of each categorical column's largest change of one category, see ``largest_change``.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    window_seconds: float
    windows: int
    window_rows: int
    layout: Layout
    strata: dict[int, Profile]
    distance: dict[str, Usual] = {}
    surprise: dict[str, Usual] = {}

    def summarise(self, window: pl.DataFrame) -> WindowProfile:
        """Count a window, a frame as ``monitoring.columns`` describes it."""
        return summarise(window, self.layout)

    def mixed(self, rows: Sequence[int]) -> dict[str, Numbers | Categories]:
        """The reference's distribution of each column, at a window's hours."""
        known = {number: part for number, part in self.strata.items() if part.rows >= MIN_STRATUM_ROWS}
        weights = [rows[number] / part.rows for number, part in known.items()]
        parts = list(known.values())
        found: dict[str, Numbers | Categories] = {}
        for name in self.layout.numbers:
            found[name] = mixed_numbers([part.numbers[name] for part in parts], weights)
        for name in self.layout.categories:
            found[name] = mixed_categories([part.categories[name] for part in parts], weights)
        return found

    def share(self, rows: Sequence[int]) -> float:
        """A window's rows as a share of the reference's at the same hours, in the mean over the window's rows."""
        held = sum(rows[number] ** 2 / part.rows for number, part in self.strata.items() if part.rows)
        return held / max(sum(rows), 1)

    def unknown_share(self, rows: Sequence[int]) -> float:
        """The share of a window's rows at hours that the reference does not know."""
        known = sum(rows[number] for number, part in self.strata.items() if part.rows >= MIN_STRATUM_ROWS)
        return 1 - known / max(sum(rows), 1)

    def unseen(self, column: str) -> float:
        """The share of values in categories that the reference has not met, by those that it met once (Good, 1953)."""
        counts = np.sum([part.categories[column].counts for part in self.strata.values()], axis=0)
        return float(np.count_nonzero(counts == 1) / max(counts.sum(), 1))

    def tests(self) -> int:
        """How many comparisons share the rate of false alarms."""
        judged = [name for name in (*self.distance, *self.surprise) if name not in SLOW]
        return len(judged) * len(HORIZONS)


def build(
    rows: pl.DataFrame,
    *,
    version: str,
    window: timedelta,
    numbers: Sequence[str] = NUMBERS,
    categories: Sequence[str] = CATEGORIES,
) -> Reference:
    """The reference of past predictions.

    Args:
        rows: [n] as ``monitoring.columns`` describes a window, over at least MIN_WINDOWS windows: those that the
            champion was tested on, or its first weeks in service.
        version: Names it.
        window: Length of a live window.
        numbers: Columns compared as numbers.
        categories: Columns compared as categories.

    Raises:
        ReferenceRowsError: There are too few rows or windows.
    """
    layout = fit_layout(rows, numbers=numbers, categories=categories)
    parts = [summarise(part, layout) for part in cut(rows, window)]
    if len(parts) < MIN_WINDOWS or rows.height <= MIN_ROWS:
        raise ReferenceRowsError(
            f"{rows.height} rows over {len(parts)} windows of {window} are no reference: give more than {MIN_ROWS} "
            f"rows over at least {MIN_WINDOWS} windows, or make windows shorter"
        )
    plain = Reference(
        version=version,
        window_seconds=window.total_seconds(),
        windows=len(parts),
        window_rows=int(np.median([part.profile.rows for part in parts])),
        layout=layout,
        strata={number: profile(part, layout) for number, part in _by_stratum(rows)},
    )
    return plain.model_copy(update=_usual(plain, parts))


def surprise_limit(reference: Reference, column: str, horizon: int) -> float:
    """What ``largest_change`` exceeds in hardly any calm window.

    From few windows the limit may come out too low, so it is at least that of independent draws (Bonferroni over the
    categories, both ways).
    """
    tests = reference.tests()
    categories = len(reference.layout.categories[column]) + 1
    independent = -float(ndtri(FALSE_ALARMS / tests / (2 * categories)))
    return max(reference.surprise[column].limit(tests, reference.windows, horizon), independent)


def cut(rows: pl.DataFrame, window: timedelta) -> Iterator[pl.DataFrame]:
    """The rows in consecutive windows by AT, without those that hold less than half of the median window's rows."""
    cut_at = pl.col(AT).dt.truncate(window).alias("window")
    parts = rows.with_columns(cut_at).partition_by("window", include_key=False, maintain_order=True)
    enough = np.median([part.height for part in parts]) / 2 if parts else 0
    return (part for part in parts if part.height >= enough)


def summarise(window: pl.DataFrame, layout: Layout) -> WindowProfile:
    """Count a window by a layout."""
    places = window.select(stratum()).to_series().drop_nulls().to_numpy()
    counts = np.bincount(places[(places >= 0) & (places < STRATA)], minlength=STRATA)
    return WindowProfile(rows=tuple(counts.tolist()), profile=profile(window, layout))


def merged(windows: Sequence[WindowProfile]) -> WindowProfile:
    """All windows as one."""
    rows = np.sum([window.rows for window in windows], axis=0)
    return WindowProfile(rows=tuple(rows.tolist()), profile=merge_all([window.profile for window in windows]))


def largest_change(reference: Categories, current: Categories, *, spread: float, unseen: float) -> tuple[int, float]:
    """The category whose count is farthest from what the reference lets expect, and by how many standard deviations.

    Args:
        reference: At the window's hours.
        current: The window.
        spread: What the variance of a count is multiplied with, because the reference is a sample as well.
        unseen: Share to expect of the last category, all others together, where the reference has none of them.

    Returns:
        Its place; and the size of its deviance residual (McCullagh and Nelder, "Generalized Linear Models", 1989,
        section 2.4), which is nearly normal for small counts as well.
    """
    likely = reference.shares.copy()
    likely[-1] = max(likely[-1], unseen)
    expected = np.maximum(likely * current.count, _LEAST_EXPECTED)
    count = current.shares * current.count
    deviance = 2 * (xlogy(count, count / expected) - (count - expected))
    # Below the least expected count, absence says nothing.
    deviance = np.where((count < expected) & (expected == _LEAST_EXPECTED), 0.0, np.maximum(deviance, 0.0))
    deviations = np.sqrt(deviance / spread)
    place = int(deviations.argmax())
    return place, float(deviations[place])


def _by_stratum(rows: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    for part in rows.with_columns(stratum()).drop_nulls("stratum").partition_by("stratum", maintain_order=True):
        yield part.item(0, "stratum"), part


def _usual(reference: Reference, parts: Sequence[WindowProfile]) -> dict[str, dict[str, Usual]]:
    """How the statistics vary over the reference's own windows, each against the others."""
    over = {
        horizon: [_own(reference, merged(parts[at : at + horizon])) for at in range(len(parts) - horizon + 1)]
        for horizon in HORIZONS
    }
    names = over[1][0]
    found: dict[str, dict[str, Usual]] = {}
    for kind, columns in names.items():
        found[kind] = {}
        for name in columns:
            series = {horizon: np.array([one[kind][name] for one in many]) for horizon, many in over.items()}
            mean = float(series[1].mean())
            # The largest of many deviations does not average out, and longer windows must not have a lower limit.
            shrinks = {
                horizon: 1.0 if kind == "surprise" or mean == 0 else min(float(values.mean()) / mean, 1.0)
                for horizon, values in series.items()
            }
            found[kind][name] = Usual(mean=mean, deviation=float(series[1].std(ddof=1)), shrinks=shrinks)
    return found


def _own(reference: Reference, window: WindowProfile) -> dict[str, dict[str, float]]:
    """The statistics of one of the reference's own windows beside the rest of it.

    The window is a share of the reference; a distance to the rest is that to the whole, divided by what is not its own.
    """
    mixed, share = reference.mixed(window.rows), min(reference.share(window.rows), 0.9)
    distance, surprise = {}, {}
    for name, bins in reference.layout.numbers.items():
        side, other = mixed[name], mixed_numbers([window.profile.numbers[name]], [1.0])
        assert isinstance(side, Numbers)
        distance[name] = number_statistic(side, other, bins)[1] / (1 - share)
    for name in reference.layout.categories:
        side, other = mixed[name], mixed_categories([window.profile.categories[name]], [1.0])
        assert isinstance(side, Categories)
        distance[name] = category_statistic(side, other)[1] / (1 - share)
        surprise[name] = largest_change(side, other, spread=1 - share, unseen=reference.unseen(name))[1]
    return {"distance": distance, "surprise": surprise}
