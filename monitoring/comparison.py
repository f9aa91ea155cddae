"""A live window beside the reference at the same hours: what Evidently would say, and whether it is unusual."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.columns import PREDICTION, SLOW
from monitoring.drift import (
    MIN_ROWS,
    Categories,
    ColumnDrift,
    Numbers,
    Verdict,
    judged,
    mixed_categories,
    mixed_numbers,
)
from monitoring.reference import HORIZONS, Reference, WindowProfile, largest_change, merged, surprise_limit

# A window with a larger share of its rows at hours that the reference does not know is not compared.
MAX_UNKNOWN_HOURS = 0.05


@dataclass(frozen=True)
class Surprise:
    """The category of a column whose count is farthest from what the reference lets expect.

    Attributes:
        category: Its name; "others" for all that the layout does not name.
        deviations: How far, in standard deviations of the count.
        limit: What is exceeded in hardly any calm window.
    """

    category: str
    deviations: float
    limit: float


@dataclass(frozen=True)
class ColumnResult:
    """A column over the last ``horizon`` windows together.

    Attributes:
        drift: Statistic, threshold and verdict as Evidently has them.
        horizon: How many windows.
        limit: What the statistic exceeds in hardly any calm window; at least the threshold.
        surprise: Of a categorical column.
    """

    drift: ColumnDrift
    horizon: int
    limit: float
    surprise: Surprise | None

    @property
    def column(self) -> str:
        """Its name."""
        return self.drift.column

    @property
    def unusual(self) -> bool:
        """Whether it drifted, and by more than chance and the windows' own ups and downs explain."""
        if self.drift.verdict is not Verdict.DRIFT or self.column in SLOW:
            return False
        surprised = self.surprise is not None and self.surprise.deviations > self.surprise.limit
        return surprised or self.drift.statistic > self.limit

    def told(self) -> str:
        """The finding in words."""
        over = "" if self.horizon == 1 else f" over the last {self.horizon} windows"
        if self.surprise is not None and self.surprise.deviations > self.surprise.limit:
            return (
                f"{self.column}{over}: {self.surprise.category} is {self.surprise.deviations:.1f} standard deviations "
                f"from what the reference lets expect (limit {self.surprise.limit:.1f})"
            )
        return f"{self.column}{over}: {self.drift.method} {self.drift.statistic:.3f} (limit {self.limit:.3f})"


@dataclass(frozen=True)
class DriftResult:
    """All columns over all horizons.

    Attributes:
        columns: As far as there were windows.
        share: Of the newest window's compared columns, those that drifted by Evidently's verdict; NaN where none was
            compared.
        reason: Why nothing was compared; empty where something was.
    """

    columns: tuple[ColumnResult, ...]
    share: float
    reason: str

    @property
    def enough(self) -> bool:
        """Whether the newest window says anything."""
        return not math.isnan(self.share)

    @property
    def unusual(self) -> tuple[ColumnResult, ...]:
        """The inputs that have changed."""
        return tuple(one for one in self.columns if one.unusual and one.column != PREDICTION)

    @property
    def unusual_predictions(self) -> tuple[ColumnResult, ...]:
        """The same of the model's answers."""
        return tuple(one for one in self.columns if one.unusual and one.column == PREDICTION)

    @property
    def lasting(self) -> tuple[ColumnResult, ...]:
        """What is unusual over several windows together, inputs first: one window may be rare luck."""
        return tuple(one for one in (*self.unusual, *self.unusual_predictions) if one.horizon > 1)


def compare(reference: Reference, windows: Sequence[WindowProfile], *, min_rows: int = MIN_ROWS) -> DriftResult:
    """Compare the newest windows with the reference.

    Args:
        reference: Of the champion that answered in these windows.
        windows: Consecutive, the newest last; at least one. Only windows since the reference's champion began.
        min_rows: With fewer rows a window is not compared.
    """
    newest = windows[-1]
    unknown = reference.unknown_share(newest.rows)
    if newest.profile.rows < min_rows:
        return DriftResult((), math.nan, f"not enough data: {newest.profile.rows} rows, {min_rows} are wanted")
    if unknown > MAX_UNKNOWN_HOURS:
        told = f"not enough data: {unknown:.0%} of the rows are at hours that the reference does not know"
        return DriftResult((), math.nan, told)
    columns: list[ColumnResult] = []
    for horizon in HORIZONS:
        if horizon <= len(windows):
            columns += _columns(reference, merged(windows[-horizon:]), horizon, min_rows)
    judged_now = [one.drift.verdict for one in columns if one.horizon == 1]
    judged_now = [verdict for verdict in judged_now if verdict is not Verdict.NOT_ENOUGH_DATA]
    share = judged_now.count(Verdict.DRIFT) / len(judged_now) if judged_now else math.nan
    reason = "" if judged_now else "not enough data: no column has enough values"
    return DriftResult(tuple(columns), share, reason)


def _columns(reference: Reference, window: WindowProfile, horizon: int, min_rows: int) -> list[ColumnResult]:
    mixed, tests = reference.mixed(window.rows), reference.tests()
    # Chance is larger in a window with fewer rows than those that the limits were learned from.
    wider = max(1.0, horizon * reference.window_rows / max(window.profile.rows, 1)) ** 0.5
    found = []
    for name, side in mixed.items():
        current: Numbers | Categories
        bins = reference.layout.numbers.get(name)
        if bins is not None and name in window.profile.numbers:
            current = mixed_numbers([window.profile.numbers[name]], [1.0])
        elif bins is None and name in window.profile.categories:
            current = mixed_categories([window.profile.categories[name]], [1.0])
        else:
            continue
        drift = judged(name, side, current, bins, min_rows)
        limit = wider * reference.distance[name].limit(tests, reference.windows, horizon)
        surprise = _surprise(reference, window, horizon, name, side, current)
        found.append(ColumnResult(drift, horizon, max(limit, drift.threshold), surprise))
    return found


def _surprise(
    reference: Reference,
    window: WindowProfile,
    horizon: int,
    name: str,
    side: Numbers | Categories,
    current: Numbers | Categories,
) -> Surprise | None:
    if not isinstance(side, Categories) or not isinstance(current, Categories):
        return None
    place, deviations = largest_change(
        side, current, spread=1 + reference.share(window.rows), unseen=reference.unseen(name)
    )
    names = (*reference.layout.categories[name], "others")
    return Surprise(names[place], deviations, surprise_limit(reference, name, horizon))
