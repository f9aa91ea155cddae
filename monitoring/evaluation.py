"""A window as Evidently evaluates it, and the dashboard over such evaluations.

Evidently takes seconds and 200 MB to import, so this module is imported where a snapshot is made and nowhere else
(``monitoring.snapshot``).
"""

import json
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import polars as pl
from evidently import DataDefinition, Dataset, Regression, Report
from evidently.core.container import MetricContainer
from evidently.core.datasets import PossibleDatasetTypes
from evidently.core.metric_types import ByLabelCalculation, ByLabelMetric, ByLabelValue, Metric
from evidently.core.report import Context
from evidently.metrics import MissingValueCount
from evidently.presets import DataDriftPreset, DataSummaryPreset, RegressionPreset
from evidently.sdk.models import DashboardModel, DashboardPanelPlot, DashboardTabModel, PanelMetric, ProjectModel
from evidently.sdk.panels import line_plot_panel

from components import contract
from monitoring.columns import CATEGORIES, NUMBERS, PREDICTION
from monitoring.drift import THRESHOLD
from monitoring.figures import Figure
from monitoring.quality import MIN_LABELS
from monitoring.workspace import Project

_FIGURES = "figures"


class WindowMeasured(ByLabelMetric):
    """A metric of Evidently's: the monitor's own figures, from all rows, each under its name."""


class WindowMeasuredCalculation(ByLabelCalculation[WindowMeasured]):
    """Takes the figures from the one row that is given beside the data."""

    def calculate(self, context: Context, current_data: Dataset, reference_data: Dataset | None) -> ByLabelValue:
        """The figures by name."""
        return self.result(context.additional_data[_FIGURES].as_dataframe().iloc[0].to_dict())

    def display_name(self) -> str:
        """The heading of their table."""
        return "What was measured of all rows"


def evaluate(
    current: pl.DataFrame,
    reference: pl.DataFrame | None,
    figures: Mapping[str, float],
    *,
    compared: bool,
    at: datetime,
    metadata: Mapping[str, str],
) -> str:
    """Evidently's snapshot of a window, as JSON.

    Args:
        current: Rows of the window, as ``monitoring.columns`` describes it; columns may lack.
        reference: Rows of the reference at the same hours.
        figures: Of all rows, by name.
        compared: Whether there is enough of both for drift.
        at: Its time, with time zone.
        metadata: What is known of the snapshot, such as the window's start.

    Returns:
        Without rows; its widgets hold distributions and statistics.
    """
    numbers = [name for name in NUMBERS if name in current.columns and current.schema[name].is_numeric()]
    categories = [name for name in CATEGORIES if name in current.columns]
    labelled = reference is None or _labels(reference) >= MIN_LABELS
    judged = {contract.TARGET, PREDICTION} <= {*current.columns} and _labels(current) >= MIN_LABELS and labelled
    items: list[Metric | MetricContainer] = [WindowMeasured()]
    if current.height:
        items.append(DataSummaryPreset(columns=numbers))
        items += [MissingValueCount(column=name) for name in categories]
    if compared:
        items.append(_drift([*numbers, *categories]))
    if judged:
        items.append(RegressionPreset())
    definition = DataDefinition(
        numerical_columns=[*numbers, contract.TARGET] if judged else numbers,
        categorical_columns=categories,
        regression=[Regression(target=contract.TARGET, prediction=PREDICTION)] if judged else None,
    )
    before = None if reference is None else _dataset(reference, definition)
    report = Report(items, include_tests=False)
    row: dict[str, PossibleDatasetTypes] = {_FIGURES: pd.DataFrame([dict(figures)])}
    with warnings.catch_warnings():
        # Of bins of a plot that hold one row or none.
        warnings.simplefilter("ignore")
        found = report.run(_dataset(current, definition), before, row, timestamp=at, metadata=dict(metadata))
    return json.dumps(_slim(json.loads(found.dumps())))


def project(made: Project) -> ProjectModel:
    """The project that all snapshots are of."""
    return ProjectModel(id=made.id, name=made.name, description="Windows of predictions, as the monitor measured them")


def dashboard() -> DashboardModel:
    """What the project shows over time."""
    panels = [
        _panel("Share of columns that drifted", Figure.DRIFTED),
        _panel("Columns that changed more than in calm windows", Figure.UNUSUAL, Figure.LASTING, Figure.SKEWED),
        _panel("Drift of the prediction", Figure.PREDICTION_DRIFT, Figure.PREDICTION_LIMIT),
        _panel("Mean absolute error beside what is to be expected (s)", Figure.ERROR, Figure.EXPECTED),
        _panel("Error as a share of the expected, and its limit", Figure.RATIO, Figure.RATIO_LIMIT),
        _panel("Labels", Figure.COVERAGE),
        _panel("Rows", Figure.ROWS, Figure.DUE, Figure.LABELS),
        _missing(),
        _panel("Faults of the data, degraded slices", Figure.FAULTS, Figure.DEGRADED),
    ]
    # Evidently's free edition has one tab.
    return DashboardModel(tabs=[DashboardTabModel(title="Windows", panels=[one.id for one in panels])], panels=panels)


def _slim(document: Any) -> Any:
    """A snapshot without what it says twice: a widget is there by itself and with its result, and each of its plots
    has the whole of plotly's default template. The UI keeps all snapshots in memory."""
    if isinstance(document, list):
        return [_slim(one) for one in document]
    if isinstance(document, dict):
        kept = {name: _slim(one) for name, one in document.items() if name != "template"}
        return kept | {"widget": None} if "widget" in kept else kept
    return document


def _drift(columns: list[str]) -> DataDriftPreset:
    """The statistics are named, because Evidently's choice follows the number of rows."""
    return DataDriftPreset(
        columns=columns,
        num_method="wasserstein",
        cat_method="jensenshannon",
        num_threshold=THRESHOLD,
        cat_threshold=THRESHOLD,
        include_tests=False,
    )


def _labels(rows: pl.DataFrame) -> int:
    return rows.select(pl.all_horizontal(contract.TARGET, PREDICTION).is_not_null().sum()).item()


def _dataset(rows: pl.DataFrame, definition: DataDefinition) -> Dataset:
    """What Evidently is shown: never who asked, nor when."""
    # It takes no numbers for names of categories.
    names = [pl.col(name).cast(pl.Int64, strict=False).cast(pl.String) for name in definition.get_categorical_columns()]
    return Dataset.from_pandas(
        rows.select(*definition.get_numerical_columns(), *names).to_pandas(), data_definition=definition
    )


def _panel(title: str, *shown: Figure) -> DashboardPanelPlot:
    values = [
        PanelMetric(metric=WindowMeasured.__name__, metric_labels={"label": figure.value}, legend=figure.value)
        for figure in shown
    ]
    return line_plot_panel(title, values, size="half")


def _missing() -> DashboardPanelPlot:
    value = PanelMetric(metric="DatasetMissingValueCount", metric_labels={"value_type": "share"}, legend="of a sample")
    return line_plot_panel("Share of values missing", [value], size="half")
