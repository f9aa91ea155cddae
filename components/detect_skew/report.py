"""What a comparison found, as JSON for programs and as a page for people."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from components import thresholds
from components.detect_skew.compare import MISSING, Comparison
from components.page import Cell, Section, Table, figure, render
from components.profile.archive import Profile
from components.profile.columns import CATEGORIES, NUMBERS
from components.profile.report import bulk

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BARS = 40
_VALUES = 15


def as_json(decision: str, reason: str, comparisons: Sequence[Comparison], **more: object) -> str:
    """The report, with the numbers that it was decided by."""
    content = {
        "decision": decision,
        "reason": reason,
        **more,
        "significance": thresholds.SKEW_SIGNIFICANCE,
        "least_effect": thresholds.SKEW_EFFECT,
        "columns": [vars(comparison) for comparison in comparisons],
    }
    return json.dumps(content, indent=2)


def as_page(title: str, reason: str) -> str:
    """A page for a comparison that was not made."""
    return render(title, [Section(heading="Decision", text=f"No value skew. {reason}")])


def comparison_page(
    title: str, reason: str, comparisons: Sequence[Comparison], reference: Profile, current: Profile
) -> str:
    """The report as HTML: the decision, every column, and a plot of each that is skewed."""
    method = (
        f"A column is skewed if its effect is at least {thresholds.SKEW_EFFECT:g} and its p-value, adjusted by Holm's "
        f"correction for {len(comparisons)} tests, is below {thresholds.SKEW_SIGNIFICANCE:g}. Tests and effects are "
        f"those of a sample of {reference.sample.height:,} trips of the reference and {current.sample.height:,} of "
        "this version; means and missing shares are those of all trips."
    )
    sections = [
        Section(heading="Decision", text=reason),
        Section(heading="Columns", text=method, table=_columns(comparisons, reference, current)),
    ]
    sections += [_plot(one.column, reference.sample, current.sample) for one in comparisons if one.skewed]
    return render(title, sections)


def _columns(comparisons: Sequence[Comparison], reference: Profile, current: Profile) -> Table:
    rows = [
        (
            one.column,
            *(_typical(one.column, profile) for profile in (reference, current)),
            one.measure,
            one.effect,
            one.test,
            one.adjusted_p_value,
            one.skewed,
        )
        for one in comparisons
    ]
    headings = ("Column", "Reference", "This version", "Measure", "Effect", "Test", "Adjusted p", "Skewed")
    return Table(columns=headings, rows=rows)


def _typical(column: str, profile: Profile) -> Cell:
    """One number or word for a column: its mean, its most frequent value, or the share that is missing."""
    summary = profile.summary
    name = column.removesuffix(f" {MISSING}")
    described = summary.numbers[name] if name in NUMBERS else summary.categories[name]
    if name != column:
        return f"{described.missing / summary.rows:.2%}" if summary.rows else None
    if column in NUMBERS:
        return summary.numbers[column].mean
    return f"mostly {next(iter(summary.categories[column].counts), 'nothing')}"


def _plot(column: str, reference: pl.DataFrame, current: pl.DataFrame) -> Section:
    name = column.removesuffix(f" {MISSING}")
    missing = name != column
    sides = [sample[name].is_null() if missing else sample[name].drop_nulls() for sample in (reference, current)]
    draw = _draw_number(column, sides) if column in NUMBERS else _draw_category(column, sides)
    picture = figure(draw, width=8, height=2.8, description=f"{column} in the reference and in this version")
    return Section(heading=column, figure=picture)


def _draw_number(column: str, sides: Sequence[pl.Series]) -> Callable[["Axes"], None]:
    bounds = bulk(pl.concat(sides))

    def draw(axes: "Axes") -> None:
        for side, label in zip(sides, ("reference", "this version"), strict=True):
            axes.hist(side.to_numpy(), bins=_BARS, range=bounds, density=True, histtype="step", label=label)
        axes.set_xlabel(f"{column} ({NUMBERS[column]})")
        axes.set_ylabel("Density")
        axes.legend()

    return draw


def _draw_category(column: str, sides: Sequence[pl.Series]) -> Callable[["Axes"], None]:
    shares = [dict(side.cast(pl.String).value_counts(normalize=True).iter_rows()) for side in sides]
    changed = sorted(shares[0].keys() | shares[1].keys(), key=lambda value: (-_change(value, shares), value))[:_VALUES]

    def draw(axes: "Axes") -> None:
        for number, (share, label) in enumerate(zip(shares, ("reference", "this version"), strict=True)):
            places = [place + 0.4 * number for place in range(len(changed))]
            axes.bar(places, [share.get(value, 0.0) for value in changed], width=0.4, label=label)
        axes.set_xticks([place + 0.2 for place in range(len(changed))], changed)
        axes.set_xlabel(f"{column} ({CATEGORIES.get(column, 'true or false')}), what changed most first")
        axes.set_ylabel("Share of trips")
        axes.legend()

    return draw


def _change(value: str, shares: Sequence[dict[str, float]]) -> float:
    return abs(shares[0].get(value, 0.0) - shares[1].get(value, 0.0))
