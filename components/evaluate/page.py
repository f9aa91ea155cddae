"""The evaluation as a page."""

from itertools import pairwise
from typing import Any

import numpy as np

from components import thresholds
from components.page import Section, Table, figure, render

# Each point of the plot is an element of the page; more only make it larger.
_POINTS = 1000
_BANDS = 20
_NAMES = {"mae": "MAE, s", "rmse": "RMSE, s", "mape": "MAPE", "coverage": "In interval"}


def page_of(result: dict[str, Any], actual: np.ndarray, predicted: np.ndarray) -> str:
    """The report for people.

    Args:
        result: What the evaluate step writes as JSON.
        actual: Seconds, float64 [n].
        predicted: Likewise.
    """
    sections = [
        Section(heading="Errors", text=_said(result), table=_errors(result)),
        Section(heading="How sure that is", text=_CONFIDENCE, table=_intervals(result)),
        Section(heading="Predicted and actual", figure=_scatter(actual, predicted)),
        Section(heading="Errors of single trips", figure=_residuals(actual, predicted)),
    ]
    return render("Evaluation", sections + [_slices(*group) for group in result["slices"].items()])


_CONFIDENCE = (
    f"The ends of intervals with {thresholds.CONFIDENCE:.0%} confidence: hours of the test window were drawn again, "
    f"because trips of the same hour share their traffic. The same is done in each slice below."
)


def _said(result: dict[str, Any]) -> str:
    mae, coverage = result["intervals"]["mae"], result["intervals"]["coverage"]
    return (
        f"On {result['test']['rows']:,} test trips the {result['model']['family']} model is off by {mae['value']:.1f} "
        f"seconds in the mean ({mae['low']:.1f} to {mae['high']:.1f}); the baseline by "
        f"{result['baseline']['mae']:.1f}. {coverage['value']:.1%} of the trips lie within their prediction interval, "
        f"{thresholds.INTERVAL_COVERAGE:.0%} are promised."
    )


def _errors(result: dict[str, Any]) -> Table:
    parts = [(part, result[part]) for part in ("train", "test", "baseline")]
    rows = [(name, *(errors[key] for key in ("rows", "mae", "rmse", "mape"))) for name, errors in parts]
    return Table(columns=("Part", "Trips", "MAE, s", "RMSE, s", "MAPE"), rows=rows)


def _intervals(result: dict[str, Any]) -> Table:
    rows = [
        (name, *(result["intervals"][key][end] for end in ("value", "low", "high"))) for key, name in _NAMES.items()
    ]
    return Table(columns=("On the test trips", "Value", "from", "to"), rows=rows)


def _scatter(actual: np.ndarray, predicted: np.ndarray) -> Any:
    """Single trips, and what is predicted for trips of about the same actual duration."""
    end = float(np.quantile(actual, 0.99)) / 60
    near = actual / 60 <= end
    x, y = actual[near] / 60, predicted[near] / 60
    some = slice(None, None, -(-len(x) // _POINTS))
    edges = np.quantile(x, np.linspace(0, 1, _BANDS + 1))
    # Between two quantiles may lie no trip.
    bands = [band for first, last in pairwise(edges) if (band := (x >= first) & (x <= last)).any()]
    middle = [float(np.median(x[band])) for band in bands]
    low, median, high = np.array([np.quantile(y[band], [0.1, 0.5, 0.9]) for band in bands]).T

    def draw(axes: Any) -> None:
        axes.plot(x[some], y[some], ".", markersize=2, alpha=0.5, color="C0")
        axes.plot([0, end], [0, end], color="C5", linewidth=1, linestyle="--", label="exact")
        axes.fill_between(middle, low, high, color="C1", alpha=0.25, linewidth=0, label="80% of the predictions")
        axes.plot(middle, median, color="C1", label="median prediction")
        axes.set_xlim(0, end)
        axes.set_ylim(0, end)
        axes.set_xlabel("actual, minutes")
        axes.set_ylabel("predicted, minutes")
        axes.legend(loc="upper left")

    return figure(draw, width=5, height=5, description="Predicted against actual duration of test trips")


def _residuals(actual: np.ndarray, predicted: np.ndarray) -> Any:
    off = (predicted - actual) / 60

    def draw(axes: Any) -> None:
        ends = np.quantile(off, [0.005, 0.995])
        axes.hist(np.clip(off, *ends), bins=60, color="C0")
        axes.axvline(float(np.median(off)), color="C1", label=f"median {np.median(off):+.1f}")
        axes.set_xlabel("predicted less actual, minutes; the outermost bars hold all that is farther out")
        axes.set_ylabel("trips")
        axes.legend()

    return figure(draw, width=8, height=3, description="Histogram of predicted less actual duration")


def _slices(group: str, members: dict[str, dict[str, float]]) -> Section:
    names = list(members)
    values = np.array([[members[name][key] for key in ("mae_low", "mae", "mae_high")] for name in names])

    def draw(axes: Any) -> None:
        off = np.maximum([values[:, 1] - values[:, 0], values[:, 2] - values[:, 1]], 0)
        axes.errorbar(values[:, 1], names, xerr=off, fmt="o", color="C0", capsize=3)
        axes.invert_yaxis()
        axes.set_xlabel("mean absolute error, seconds")

    title = group.replace("_", " ")
    plot = figure(draw, width=8, height=0.6 + 0.3 * len(names), description=f"Mean absolute error by {title}")
    rows = [
        (name, *(members[name][key] for key in ("rows", "mae", "mae_low", "mae_high", "rmse", "mape", "coverage")))
        for name in names
    ]
    columns = (title.capitalize(), "Trips", "MAE, s", "from", "to", "RMSE, s", "MAPE", "In interval")
    return Section(heading=f"By {title}", figure=plot, table=Table(columns=columns, rows=rows))
