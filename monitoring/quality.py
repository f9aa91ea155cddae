"""How good the model's answers were, by the labels that have arrived.

*Late labels.* A trip's label comes when the trip ends, so the first labels of a window are those of short trips, whose
errors are small. Only predictions are judged that are so old that the label of the longest trip is due
(``LABELS_DUE``): then whether a label is there does not depend on how long the trip took. What is missing all the
same is made up for by weights: within each band of predicted durations, the labelled rows stand for all of the band.
The coverage is stated.

*Degradation.* The champion's error follows the hour and the day's traffic. The error that its test windows let expect
at the window's hours is the measure, and the ratio of the two is held against the prediction interval for one more such
window (Student's t over the test windows). If the logarithms of the ratios are normal, it is exceeded in a share
FALSE_ALARMS of the calm windows, however many are looked at, overall and over all slices together. And it has to
matter: ``MIN_DEGRADATION``. A day of rare traffic is truly worse; ``monitoring.decision`` therefore waits for a second.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict
from scipy.special import stdtrit

from components import contract, thresholds
from components.evaluate import bootstrap, slices
from monitoring.columns import AT, PREDICTION, STRATA, stratum
from monitoring.reference import MIN_WINDOWS, ReferenceRowsError, cut

# Of so many calm windows one is called degraded: overall in half of them, in one of all slices in the other half.
FALSE_ALARMS = 0.001
MIN_DEGRADATION = 0.05
MIN_LABELS = 200
MIN_COVERAGE = 0.5
# The longest trip of the contract, and an hour for its record to arrive.
LABELS_DUE = timedelta(seconds=contract.MAX_DURATION_SECONDS) + timedelta(hours=1)
_BANDS = 5
_ROW = [(name, np.float64) for name in ("error", "relative", "weight", "expected")] + [("clock_hour", np.int64)]
_SEED = 0
OVERALL = ("overall", "all")


class UsualError(BaseModel):
    """The champion's error over its test windows.

    Attributes:
        mean: Of the logarithms of the windows' ratios of error to the error of all trips that is expected at their
            hours. A slice has another error than the whole, and so another mean.
        deviation: Their standard deviation. Traffic multiplies durations and with them errors, so logarithms are even.
        windows: How many windows had enough labels.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    deviation: float
    windows: int

    def limit(self, tests: int) -> float:
        """Error as a share of the expected one that a share FALSE_ALARMS / tests of calm windows exceeds.

        Infinite with too few windows.
        """
        if self.windows < MIN_WINDOWS:
            return math.inf
        student = float(stdtrit(self.windows - 1, 1 - FALSE_ALARMS / tests))
        return max(math.exp(student * self.deviation * (1 + 1 / self.windows) ** 0.5), 1 + MIN_DEGRADATION)


class ErrorReference(BaseModel):
    """What error is to be expected of the champion.

    Attributes:
        version: As of ``monitoring.reference.Reference``.
        strata: Mean absolute error by kind of hour, seconds.
        bands: Quantiles of the predictions, seconds, that cut them into equal parts.
        usual: Overall and by slice, under group and name.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    strata: dict[int, float]
    bands: tuple[float, ...]
    usual: dict[str, UsualError]


# Where nothing is known of a champion: errors are told, and not held against anything.
NO_ERRORS = ErrorReference(version="", strata=dict.fromkeys(range(STRATA), math.nan), bands=(), usual={})


@dataclass(frozen=True)
class SliceQuality:
    """The model's answers in one group of trips; ``monitoring.quality.OVERALL`` names all.

    Attributes:
        group: Such as ``borough``.
        name: Such as ``Queens``.
        predictions: Whose label is due.
        labels: That have arrived of these.
        error: Mean absolute error with its interval of ``thresholds.CONFIDENCE``, seconds.
        relative_error: Mean absolute error as a share of the duration.
        expected: The mean absolute error that the reference lets expect at these hours, seconds; NaN for a slice that
            the reference does not have.
        limit: Ratio of the two from which on it is degraded.
    """

    group: str
    name: str
    predictions: int
    labels: int
    error: bootstrap.Estimate
    relative_error: float
    expected: float
    limit: float

    @property
    def coverage(self) -> float:
        """Share of the due labels that have arrived."""
        return self.labels / self.predictions

    @property
    def ratio(self) -> float:
        """Error as a share of the expected one."""
        return self.error.value / self.expected if self.expected > 0 else math.nan

    @property
    def degraded(self) -> bool:
        """Whether the error is larger than in nearly all calm windows."""
        return self.ratio > self.limit

    def told(self) -> str:
        """The finding in words."""
        of = "" if (self.group, self.name) == OVERALL else f" of {self.group} {self.name}"
        return (
            f"the mean absolute error{of} is {self.error.value:.0f} s ({self.error.low:.0f} to {self.error.high:.0f}), "
            f"{self.ratio:.2f} times the expected {self.expected:.0f} s (limit {self.limit:.2f}), on {self.labels} "
            f"labels, {self.coverage:.0%} of those due"
        )


@dataclass(frozen=True)
class QualityResult:
    """What the labels say.

    Attributes:
        overall: None where there are not enough labels.
        slices: Those with ``thresholds.MIN_SLICE_ROWS`` labels.
        due: Predictions whose label is due.
        labels: That have arrived of these.
        expected: The mean absolute error that the reference lets expect at the window's hours, labels or not, seconds;
            NaN where nothing was measured.
        reason: Why nothing is said; empty otherwise.
    """

    overall: SliceQuality | None
    slices: tuple[SliceQuality, ...]
    due: int
    labels: int
    expected: float
    reason: str

    @property
    def coverage(self) -> float:
        """Share of the due labels that have arrived; NaN where none is due."""
        return self.labels / self.due if self.due else math.nan

    @property
    def degraded(self) -> tuple[SliceQuality, ...]:
        """All of it, or slices, that are surely worse than they were."""
        found = (*([self.overall] if self.overall else []), *self.slices)
        return tuple(one for one in found if one.degraded)


def fit_errors(rows: pl.DataFrame, *, version: str, window: timedelta) -> ErrorReference:
    """What to expect of a champion.

    Args:
        rows: [n] as ``monitoring.columns`` describes a window, with labels: the champion's test windows, which it has
            not learned from.
        version: As of the reference.
        window: Length of a live window.

    Raises:
        ReferenceRowsError: There are too few windows.
    """
    labelled = _with_errors(rows).filter(pl.col("error").is_not_null())
    parts = list(cut(labelled, window)) if labelled.height else []
    if len(parts) < MIN_WINDOWS:
        raise ReferenceRowsError(
            f"{labelled.height} labels over {len(parts)} windows of {window} do not tell how the error varies: give "
            f"those of at least {MIN_WINDOWS} windows"
        )
    by_hour = labelled.group_by("stratum").agg(pl.col("error").mean())
    strata = {int(number): float(error) for number, error in by_hour.iter_rows()}
    shares = np.linspace(0, 1, _BANDS + 1)[1:-1]
    bands = tuple(np.quantile(labelled[PREDICTION].to_numpy(), shares).tolist())
    ratios: dict[str, list[float]] = {}
    for part in parts:
        error, expected = part["error"].to_numpy(), part["stratum"].replace_strict(strata).to_numpy()
        for (group, name), place in _groups(part):
            if np.count_nonzero(place) >= thresholds.MIN_SLICE_ROWS:
                ratio = float(error[place].sum() / expected[place].sum())
                ratios.setdefault(f"{group} {name}", []).append(math.log(ratio))
    usual = {
        key: UsualError(
            mean=float(np.mean(found)),
            deviation=float(np.std(found, ddof=1)) if len(found) > 1 else 0.0,
            windows=len(found),
        )
        for key, found in ratios.items()
    }
    return ErrorReference(version=version, strata=strata, bands=bands, usual=usual)


def measure(
    errors: ErrorReference, window: pl.DataFrame, now: datetime, *, due: timedelta = LABELS_DUE
) -> QualityResult:
    """Judge a window by its labels.

    Args:
        errors: Of the champion that answered.
        window: [n] as ``monitoring.columns`` describes it.
        now: With time zone; a prediction is judged if it is older than ``due``.
        due: After which the label of any trip should have arrived.
    """
    answered = _with_errors(window.drop_nulls(PREDICTION)).filter(pl.col("stratum").is_in(list(errors.strata)))
    expected = float(_expected(errors, answered).mean()) if answered.height else math.nan
    known = answered.filter(pl.col(AT) <= now - due)
    labels = known["error"].count()
    if labels < MIN_LABELS or labels < MIN_COVERAGE * known.height:
        told = f"not enough data: {labels} of {known.height} labels that are due have arrived"
        return QualityResult(None, (), known.height, labels, expected, told)
    weighted = _weighted(errors, known)
    in_slices = max(len(errors.usual) - 1, 1)
    found = [
        _judged(errors, weighted[place], group, name, 2 if (group, name) == OVERALL else 2 * in_slices)
        for (group, name), place in _groups(known)
        if np.count_nonzero(weighted["weight"][place]) >= thresholds.MIN_SLICE_ROWS
    ]
    overall = next(one for one in found if (one.group, one.name) == OVERALL)
    others = tuple(one for one in found if one is not overall)
    return QualityResult(overall, others, known.height, labels, expected, "")


def _with_errors(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that can be put in slices, with their stratum, and their absolute error where the label is there."""
    zones = pl.col(contract.PICKUP_ZONE).is_between(contract.FIRST_ZONE, contract.LAST_ZONE)
    error = (pl.col(PREDICTION) - pl.col(contract.TARGET)).abs()
    placed = rows.drop_nulls(slices.COLUMNS).filter(zones).with_columns(pl.col(contract.PICKUP_ZONE).cast(pl.Int64))
    return placed.with_columns(stratum(), error.alias("error"), (error / pl.col(contract.TARGET)).alias("relative"))


def _groups(rows: pl.DataFrame) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Everything, and each slice: its name and its rows, bool [n]."""
    yield OVERALL, np.ones(rows.height, dtype=bool)
    for group, name, place in slices.slices(rows):
        yield (group, name), place


def _expected(errors: ErrorReference, rows: pl.DataFrame) -> np.ndarray:
    """The mean absolute error over all trips at each row's hour, float64 [n], seconds."""
    return rows["stratum"].replace_strict(errors.strata, return_dtype=pl.Float64).to_numpy()


def _weighted(errors: ErrorReference, rows: pl.DataFrame) -> np.ndarray:
    """A record for each row, _ROW [n]; its weight is the rows of its band by the labels among them, 0 without label."""
    band = np.searchsorted(errors.bands, rows[PREDICTION].to_numpy(), side="right")
    there = rows["error"].is_not_null().to_numpy()
    all_rows, labels = np.bincount(band, minlength=_BANDS), np.bincount(band[there], minlength=_BANDS)
    weighted = np.zeros(rows.height, dtype=_ROW)
    weighted["weight"] = np.where(there, all_rows[band] / np.maximum(labels[band], 1), 0.0)
    weighted["expected"] = _expected(errors, rows)
    weighted["clock_hour"] = rows[AT].dt.epoch("s").to_numpy() // 3600
    for name in ("error", "relative"):
        weighted[name] = rows[name].fill_null(0.0).to_numpy()
    return weighted


def _judged(errors: ErrorReference, rows: np.ndarray, group: str, name: str, tests: int) -> SliceQuality:
    labelled = rows[rows["weight"] > 0]
    usual = errors.usual.get(f"{group} {name}")
    return SliceQuality(
        group=group,
        name=name,
        predictions=len(rows),
        labels=len(labelled),
        error=bootstrap.estimate(
            np.column_stack([labelled["error"] * labelled["weight"], labelled["weight"]]),
            labelled["clock_hour"],
            lambda means: means[:, 0] / means[:, 1],
            confidence=thresholds.CONFIDENCE,
            seed=_SEED,
        ),
        relative_error=float(np.average(labelled["relative"], weights=labelled["weight"])),
        expected=float(rows["expected"].mean()) * (math.exp(usual.mean) if usual else math.nan),
        limit=math.inf if usual is None else usual.limit(tests),
    )
