"""A data version as a page for people."""

from typing import TYPE_CHECKING

import polars as pl
from markupsafe import Markup

from components.page import Cell, Section, Table, figure, render
from components.profile.archive import Profile
from components.profile.columns import CATEGORIES, NUMBERS
from components.profile.summary import CategorySummary, NumberSummary, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_QUANTILES = {"1 %": 0.01, "25 %": 0.25, "Median": 0.5, "75 %": 0.75, "99 %": 0.99}
_FREQUENT_VALUES = 12
_BARS = 40


def as_page(data_version: int, profile: Profile, learn_from: str = "") -> str:
    """The profile as HTML: trips in time, then each column.

    Args:
        data_version: The version.
        profile: Of it.
        learn_from: Since when its trips are described; empty where all are.
    """
    summary = profile.summary
    sections = [
        Section(heading="Trips", text=_overview(summary, learn_from)),
        Section(heading="Trips per day", figure=_days(summary)),
        Section(heading="Trips by hour of the week", figure=_week(summary)),
        Section(heading="Numbers", text="Quantiles are off by at most 3 % of their value.", table=_numbers(summary)),
        Section(heading="Codes and zones", table=_categories(summary)),
    ]
    sections += [_number_section(name, profile) for name in NUMBERS]
    sections += [_category_section(name, summary.categories[name]) for name in CATEGORIES]
    return render(f"Profile of data version {data_version}", sections)


def _overview(summary: Summary, learn_from: str) -> str:
    days = list(summary.days)
    if not days:
        return "There are no trips."
    mean = summary.rows / len(days)
    others = f" Trips before {learn_from} are not learned from, and not described." if learn_from else ""
    return (
        f"{summary.rows:,} trips begin on {len(days):,} days from {days[0]} to {days[-1]}, {mean:,.0f} a day. "
        f"Times are those of the New York wall clock.{others}"
    )


def _days(summary: Summary) -> Markup:
    days, trips = list(summary.days), list(summary.days.values())

    def draw(axes: "Axes") -> None:
        axes.bar(days, trips, width=0.9)  # pyright: ignore[reportArgumentType]
        axes.set_ylabel("Trips")

    return figure(draw, width=10, height=2.6, description="Trips that begin on each day")


def _week(summary: Summary) -> Markup:
    def draw(axes: "Axes") -> None:
        axes.bar(range(7 * 24), summary.hours_of_week, width=1.0)
        axes.set_xticks(range(0, 7 * 24, 24), "Mon Tue Wed Thu Fri Sat Sun".split())
        axes.set_ylabel("Trips")

    return figure(draw, width=10, height=2.6, description="Trips that begin in each hour of the week")


def _numbers(summary: Summary) -> Table:
    columns = ("Column", "Unit", "Missing", "Mean", "Deviation", "Least", *_QUANTILES, "Greatest")
    return Table(columns=columns, rows=[_number_row(name, summary.numbers[name]) for name in NUMBERS])


def _number_row(name: str, number: NumberSummary) -> list[Cell]:
    missing = _share(number.missing, number.present)
    quantiles = [number.quantile(share) for share in _QUANTILES.values()]
    ends = (number.minimum, *quantiles, number.maximum)
    return [name, NUMBERS[name], missing, number.mean, number.deviation, *ends]


def _categories(summary: Summary) -> Table:
    rows = []
    for name in CATEGORIES:
        category = summary.categories[name]
        missing = _share(category.missing, category.present)
        rows.append((name, CATEGORIES[name], missing, len(category.counts), next(iter(category.counts), None)))
    return Table(columns=("Column", "Unit", "Missing", "Values", "Most frequent"), rows=rows)


def _number_section(name: str, profile: Profile) -> Section:
    values = profile.sample[name].drop_nulls()
    if values.is_empty():
        return Section(heading=name, text="All values are missing.")
    low, high = bulk(values)

    def draw(axes: "Axes") -> None:
        axes.hist(values.to_numpy(), bins=_BARS, range=(low, high))
        axes.set_xlabel(f"{name} ({NUMBERS[name]})")
        axes.set_ylabel("Trips")

    text = f"A sample of {len(values):,} trips, without the least and the greatest half percent."
    picture = figure(draw, width=7, height=2.4, description=f"Distribution of {name}")
    return Section(heading=name, text=text, figure=picture)


def bulk(values: pl.Series) -> tuple[float, float]:
    """Bounds of all but the least and the greatest half percent."""
    low, high = values.quantile(0.005, "lower"), values.quantile(0.995, "higher")
    assert low is not None
    assert high is not None
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _category_section(name: str, category: CategorySummary) -> Section:
    whole = category.present + category.missing
    frequent = list(category.counts.items())[:_FREQUENT_VALUES]
    rows: list[list[Cell]] = [[value, count, _share(count, whole - count)] for value, count in frequent]
    left = len(category.counts) - len(frequent)
    text = f"The {len(frequent)} most frequent values; there are {left} more." if left else ""
    return Section(heading=name, text=text, table=Table(columns=(CATEGORIES[name], "Trips", "Share"), rows=rows))


def _share(part: int, rest: int) -> str:
    return f"{part / (part + rest):.2%}" if part + rest else "0.00%"
