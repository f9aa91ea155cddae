"""The verdict as a page."""

from typing import Any

import numpy as np

from components import thresholds
from components.page import Section, Table, figure, render


def page_of(report: dict[str, Any]) -> str:
    """The verdict for people.

    Args:
        report: What the compare step writes as JSON.
    """
    decision = "Accepted by force." if report["forced"] else "Accepted." if report["accepted"] else "Rejected."
    said = "\n\n".join([decision, *report["reasons"]])
    rows = [(check["passed"], check["name"], check["says"]) for check in report["checks"]]
    sections = [
        Section(heading="Verdict", text=said),
        Section(heading="Checks", table=Table(columns=("Passed", "Rule", "Numbers"), rows=rows)),
        Section(heading="Errors on the same test trips", table=_errors(report), figure=_error_bars(report)),
    ]
    if report["change"]:
        slices = report["slices"]
        text, table = _precision(report["change"]), _changes_table(slices)
        plot = _changes(report["change"], [part for part in slices if part["judged"]])
        sections.append(Section(heading="Change from the champion", text=text, table=table, figure=plot))
    return render("Candidate and champion", sections)


def _measured(report: dict[str, Any]) -> dict[str, dict[str, float]]:
    champion = report["champion"]
    measured = {"candidate": report["candidate"]["test"], "baseline": report["baseline"]}
    if champion and champion["test"]:
        measured[f"champion, version {champion['version']}"] = champion["test"]
    return measured


def _errors(report: dict[str, Any]) -> Table:
    names = ("rows", "mae", "rmse", "mape", "coverage")
    rows = [(who, *(errors.get(name) for name in names)) for who, errors in _measured(report).items()]
    return Table(columns=("Model", "Trips", "MAE, s", "RMSE, s", "MAPE", "In interval"), rows=rows)


def _error_bars(report: dict[str, Any]) -> Any:
    measured = _measured(report)

    def draw(axes: Any) -> None:
        axes.barh(list(measured), [errors["mae"] for errors in measured.values()], color="C0")
        limit = thresholds.MAX_SHARE_OF_BASELINE * report["baseline"]["mae"]
        axes.axvline(limit, color="C1", linewidth=1, linestyle="--", label="at most allowed")
        axes.invert_yaxis()
        axes.set_xlabel("mean absolute error, seconds")
        axes.legend()

    return figure(draw, width=8, height=0.8 + 0.3 * len(measured), description="Mean absolute error of each model")


def _precision(change: dict[str, float]) -> str:
    """How small a change these trips can tell from noise: the gate is blind to smaller ones."""
    seen = (change["high"] - change["low"]) / 2
    return (
        f"Bars are ranges of confidence; right is worse. Over all test trips a change of about {seen:.1%} can be told "
        f"from noise. The dashed line is the margin of a slice, {thresholds.MAX_SLICE_REGRESSION:.0%}: a slice whose "
        f"point is beyond it and whose bar does not reach 0 refuses the candidate."
    )


def _changes_table(slices: list[dict[str, Any]]) -> Table:
    rows = [
        (part["name"], part["rows"], part["hours"], *(100 * part["change"][key] for key in ("value", "low", "high")))
        + (part["judged"],)
        for part in slices
    ]
    return Table(columns=("Slice", "Trips", "Hours", "Change, %", "from", "to", "Judged"), rows=rows)


def _changes(overall: dict[str, float], judged: list[dict[str, Any]]) -> Any:
    names = ["all test trips", *(part["name"] for part in judged)]
    changes = [overall, *(part["change"] for part in judged)]
    values = 100 * np.array([[change[key] for key in ("low", "value", "high")] for change in changes])

    def draw(axes: Any) -> None:
        axes.axvline(0, color="C5", linewidth=1)
        axes.axvline(100 * thresholds.MAX_SLICE_REGRESSION, color="C1", linewidth=1, linestyle="--")
        off = np.maximum([values[:, 1] - values[:, 0], values[:, 2] - values[:, 1]], 0)
        axes.errorbar(values[:, 1], names, xerr=off, fmt="o", color="C0", capsize=3)
        axes.invert_yaxis()
        axes.set_xlabel("change of the mean absolute error, %")

    return figure(draw, width=8, height=0.8 + 0.28 * len(names), description="Change of the error in each slice")
