"""Schema skew stops the run, with a report that says what and where."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components import contract, tables
from components.contract import Kind
from components.platform import Platform
from components.validate import step

ONE_OF_EACH: dict[Kind, Any] = {Kind.INTEGER: 1, Kind.FLOAT: 2.5, Kind.TEXT: "N", Kind.TIMESTAMP: datetime(2026, 1, 5)}
POLARS = {Kind.INTEGER: pl.Int64, Kind.FLOAT: pl.Float64, Kind.TEXT: pl.String, Kind.TIMESTAMP: pl.Datetime("us")}


def trips(rows: int = 50, **changed: list[Any]) -> pl.DataFrame:
    """Trips that keep the contract but for the columns given."""
    columns = {column.name: [ONE_OF_EACH[column.kind]] * rows for column in contract.COLUMNS}
    columns[contract.DROPOFF_TIME] = [datetime(2026, 1, 5) + timedelta(minutes=10)] * rows
    schema = {column.name: POLARS[column.kind] for column in contract.COLUMNS}
    return pl.DataFrame({**columns, **changed}, schema=schema)


def test_trips_that_keep_the_contract_pass(platform: Platform, tmp_path: Path) -> None:
    version = tables.write_version(platform, tables.TRIPS, trips().to_arrow(), "good")
    report = tmp_path / "report.json"
    assert step.validate(platform, data_version=version, report=report).rows == 50
    assert json.loads(report.read_text())["passed"] is True


def test_an_unexpected_value_stops_the_run_and_the_report_shows_the_rows(platform: Platform, tmp_path: Path) -> None:
    skewed = trips(payment_type=[1] * 47 + [9, 9, 8])
    version = tables.write_version(platform, tables.TRIPS, skewed.to_arrow(), "new payment code")
    report = tmp_path / "report.json"
    with pytest.raises(step.SchemaSkewError, match=r"payment_type: isin.*\(3 rows\)"):
        step.validate(platform, data_version=version, report=report)
    told = json.loads(report.read_text())
    assert told["passed"] is False
    (violation,) = told["violations"]
    assert (violation["column"], violation["rows"]) == ("payment_type", 3)
    assert [example["payment_type"] for example in violation["examples"]] == [9, 9, 8]


def test_every_violation_is_told_at_once() -> None:
    skewed = trips(passenger_count=[200] * 50, trip_distance=[-1.0] * 50, PULocationID=[None] * 50)
    found = {violation.column: violation.rows for violation in step.violations(skewed)}
    assert found == {"PULocationID": 50, "passenger_count": 50, "trip_distance": 50}


@pytest.mark.parametrize(
    "skewed",
    [
        trips().drop("RatecodeID"),
        trips().with_columns(surge=pl.lit(1.0)),
        trips().with_columns(pl.col("passenger_count").cast(pl.Float64)),
        trips().rename({"trip_distance": "distance"}),
    ],
    ids=["missing", "unexpected", "retyped", "renamed"],
)
def test_a_missing_unexpected_retyped_or_renamed_column_is_a_violation(skewed: pl.DataFrame) -> None:
    assert step.violations(skewed)


def test_violations_of_batches_add_up_to_those_of_the_whole() -> None:
    whole = trips(90, payment_type=[1] * 40 + [9] * 30 + [1] * 20, trip_distance=[-1.0] * 30 + [2.5] * 60)
    parts = [step.violations(part) for part in whole.iter_slices(25)]
    told = {(v.column, v.rule): v.rows for v in step.merged(parts)}
    assert told == {(v.column, v.rule): v.rows for v in step.violations(whole)}
    assert all(len(v.examples) == step.EXAMPLES_PER_VIOLATION for v in step.merged(parts))
