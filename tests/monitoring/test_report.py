"""Evidently's page states its sample, and compares equal hours."""

from pathlib import Path

import polars as pl
import pytest

from monitoring.columns import PREDICTION
from monitoring.report import at_the_same_hours, write_report


def test_the_page_states_its_sample_and_names_the_columns(calm_days: list[pl.DataFrame], tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    said = write_report(pl.concat(calm_days[:-1]), calm_days[-1], file, max_rows=300)
    page = file.read_text(encoding="utf-8")
    assert said.startswith("A sample of 300 of the window's 1,729 rows beside 300 of")
    assert f"<body><p>{said}</p>" in page
    assert PREDICTION in page


def test_the_sample_of_the_reference_has_the_windows_hours(calm_days: list[pl.DataFrame]) -> None:
    window = calm_days[-1].filter(pl.col("hour") < 8)
    found = at_the_same_hours(pl.concat(calm_days[:-1]), window, 400)
    shares = [dict(side["hour"].value_counts(normalize=True).iter_rows()) for side in (found, window)]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)
    assert 376 <= found.height <= 400
    assert found.n_unique() == found.height
