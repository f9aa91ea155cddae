"""A data version is described once, read again from beside its table, and shown on a page."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components import contract, tables
from components.platform import Platform
from components.profile import archive, step
from components.profile.archive import SAMPLE_ROWS, describe, sample_rows
from components.profile.columns import derived
from components.validate.bench import clean_trips


@pytest.fixture
def version(platform: Platform) -> int:
    """A version of the trips table with 3,000 trips or a few less."""
    return tables.write_version(platform, tables.TRIPS, clean_trips(3000, seed=1).to_arrow(), "trips")


def profiled(platform: Platform, version: int, folder: Path, learn_from: str = "") -> tuple[dict[str, Any], str]:
    files = {"summary_file": folder / "summary", "page_file": folder / "page"}
    step.profile(platform, data_version=version, learn_from=learn_from, **files)
    return json.loads(files["summary_file"].read_text()), files["page_file"].read_text()


def test_the_page_shows_every_column_and_the_trips_in_time(platform: Platform, version: int, tmp_path: Path) -> None:
    summary, page = profiled(platform, version, tmp_path)
    assert summary["rows"] == tables.version_rows(platform, tables.TRIPS, version)
    for name in (*summary["numbers"], *summary["categories"]):
        assert f"<h2>{name}</h2>" in page
    assert "Trips that begin on each day" in page


def test_a_profile_that_was_lost_is_made_again_to_the_byte(
    platform: Platform, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_keep", lambda *_: None)
    first, second = (profiled(platform, version, tmp_path) for _ in range(2))
    assert first == second


def test_a_kept_profile_is_what_was_made_and_the_table_is_not_read_for_it(
    platform: Platform, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = describe(platform, version)
    monkeypatch.setattr(tables, "files", lambda *_: pytest.fail("the table was read again"))
    kept = describe(platform, version)
    assert kept.summary == made.summary
    assert kept.sample.equals(made.sample)


def test_a_profile_is_that_of_its_own_version(platform: Platform, version: int) -> None:
    other = tables.write_version(platform, tables.TRIPS, clean_trips(500, seed=2).to_arrow(), "other")
    rows = {number: describe(platform, number).summary.rows for number in (version, other)}
    assert rows == {number: tables.version_rows(platform, tables.TRIPS, number) for number in (version, other)}


def test_a_small_version_is_its_own_sample(platform: Platform, version: int) -> None:
    trips = pl.concat(tables.files(platform, tables.TRIPS, version))
    assert describe(platform, version).sample.equals(derived(trips))


def test_the_sample_of_a_large_version_is_even_and_always_the_same() -> None:
    drawn = sample_rows(1_000_000)
    assert len(set(drawn.tolist())) == SAMPLE_ROWS
    assert (drawn == sample_rows(1_000_000)).all()
    assert abs(drawn.mean() - 500_000) < 5_000
    assert drawn[0] >= 0
    assert drawn[-1] < 1_000_000


def test_a_sample_over_several_files_has_the_rows_that_were_drawn(
    platform: Platform, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SAMPLE_ROWS", 100)
    trips = pl.concat(tables.files(platform, tables.TRIPS, version))
    cuts = [trips[:1000], trips[1000:1010], trips[1010:]]
    monkeypatch.setattr(tables, "files", lambda *_: iter(cuts))
    expected = derived(trips)[sample_rows(trips.height)]
    assert len(expected) == 100
    assert describe(platform, version).sample.equals(expected)


def test_a_column_without_values_has_a_place_on_the_page(platform: Platform, tmp_path: Path) -> None:
    empty = clean_trips(500, seed=1).with_columns(
        Airport_fee=pl.lit(None, pl.Float64), RatecodeID=pl.lit(None, pl.Int64)
    )
    version = tables.write_version(platform, tables.TRIPS, empty.to_arrow(), "empty")
    summary, page = profiled(platform, version, tmp_path)
    assert "All values are missing." in page
    assert summary["categories"]["RatecodeID"] == {"missing": empty.height, "counts": {}}


def test_only_what_is_learned_from_is_described_and_kept_apart(
    platform: Platform, version: int, tmp_path: Path
) -> None:
    trips = pl.concat(tables.files(platform, tables.TRIPS, version))
    later = trips.filter(pl.col(contract.PICKUP_TIME) >= datetime(2026, 2, 9))
    whole, page = profiled(platform, version, tmp_path)
    assert "not learned from" not in page
    for _ in range(2):
        summary, page = profiled(platform, version, tmp_path, "2026-02-09T00:00:00")
        assert (summary["rows"], min(summary["days"])) == (later.height, "2026-02-09")
        assert "Trips before 2026-02-09T00:00:00 are not learned from" in page
    assert profiled(platform, version, tmp_path)[0] == whole
    assert describe(platform, version, "2026-02-09T00:00:00").sample.equals(derived(later))
