"""The sample of the reference compares equal hours."""

import polars as pl
import pytest

from monitoring.sampling import at_the_same_hours, sample


def test_the_sample_of_the_reference_has_the_windows_hours(calm_days: list[pl.DataFrame]) -> None:
    window = calm_days[-1].filter(pl.col("hour") < 8)
    found = at_the_same_hours(pl.concat(calm_days[:-1]), window, 400)
    shares = [dict(side["hour"].value_counts(normalize=True).iter_rows()) for side in (found, window)]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)
    assert 376 <= found.height <= 400
    assert found.n_unique() == found.height


def test_the_sample_of_a_window_is_the_same_each_time(calm_day: pl.DataFrame) -> None:
    assert sample(calm_day, 100).equals(sample(calm_day, 100))
    assert sample(calm_day, 10**6).height == calm_day.height
