"""A source by its name: what it gives, what its fingerprint says, and what it refuses before any row is read."""

from pathlib import Path

import polars as pl
import pytest

from components import contract
from components.trips import source
from components.trips.source_error import SourceError
from components.trips.synthetic import Regime, trips


def a_file(path: Path, seed: int = 1, without: str | None = None) -> Path:
    (batch,) = trips(100, seed)
    frame = pl.DataFrame(batch)
    (frame.drop(without) if without else frame).write_parquet(path)
    return path


def rows_of(name: str, rows: int = 100, seed: int = 1) -> pl.DataFrame:
    return pl.concat([batch.frame for batch in source.batches(name, rows, seed)])


def test_synthetic_gives_the_generators_rows() -> None:
    (expected,) = trips(100, 1)
    assert rows_of("synthetic").equals(pl.DataFrame(expected))


def test_a_path_gives_the_files_rows_and_ignores_rows_and_seed(tmp_path: Path) -> None:
    a_file(tmp_path / "a.parquet")
    a_file(tmp_path / "b.parquet", seed=2)
    assert len(rows_of(str(tmp_path), rows=7, seed=9)) == 200


def test_a_month_in_the_cache_needs_no_network(tmp_path: Path) -> None:
    file = a_file(tmp_path / "yellow_tripdata_2026-01.parquet")
    (batch,) = source.batches("tlc:2026-01", 1, 1, tmp_path)
    assert batch.origin == str(file)
    assert len(batch.frame) == 100


def test_all_batches_of_a_source_are_numbered_on() -> None:
    batches = list(source.batches("synthetic", 450_000, 1))
    assert [batch.first_row for batch in batches] == [0, *pl.Series(len(b.frame) for b in batches).cum_sum()[:-1]]


def test_a_file_without_a_required_column_is_refused_before_any_row_is_read(tmp_path: Path) -> None:
    a_file(tmp_path / "a.parquet")
    a_file(tmp_path / "z.parquet", without=contract.DISTANCE)
    with pytest.raises(SourceError, match=r"z\.parquet: trip_distance should hold: is there"):
        source.batches(str(tmp_path), 1, 1)


def test_a_file_of_no_bytes_is_told_to_be_empty(tmp_path: Path) -> None:
    for name in ("none.csv", "none.parquet"):
        (tmp_path / name).touch()
        with pytest.raises(SourceError, match=f"{name} cannot be read, it is empty"):
            source.batches(str(tmp_path / name), 1, 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "DATA is empty: give synthetic, a path to trip files, or tlc:YYYY-MM"),
        ("synthetic:rain", "DATA=synthetic:rain names no change of regime: .*synthetic:congestion"),
        ("synthetic:", "names no change of regime"),
        ("tlc", "names no month"),
        ("nowhere/*.parquet", "leads to no .*give a file, a folder, a glob"),
    ],
)
def test_a_source_that_is_not_known_is_refused_with_what_is_allowed(name: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        source.batches(name, 100, 1)
    with pytest.raises(SourceError, match=message):
        source.fingerprint(name, 100, 1)


def test_every_synthetic_request_has_a_fingerprint_of_its_own() -> None:
    requests = [("synthetic", 100, 1), ("synthetic", 101, 1), ("synthetic", 100, 2)]
    requests += [(f"synthetic:{regime}", 100, 1) for regime in Regime]
    prints = {source.fingerprint(*request) for request in requests}
    assert len(prints) == len(requests)
    assert all(len(bytes.fromhex(each)) == 32 for each in prints)
    assert source.fingerprint("synthetic", 100, 1) in prints


def test_a_newer_generator_has_other_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    before = source.fingerprint("synthetic", 100, 1)
    monkeypatch.setattr("components.trips.synthetic.GENERATOR_VERSION", 1_000_000)
    assert source.fingerprint("synthetic", 100, 1) != before


def test_the_fingerprint_of_files_follows_their_contents_and_not_their_place(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        a_file(folder / "a.parquet")
    first = source.fingerprint(str(here), 1, 1)
    assert first == source.fingerprint(str(there), 2, 2)
    a_file(here / "b.parquet", seed=2)
    second = source.fingerprint(str(here), 1, 1)
    a_file(here / "b.parquet", seed=3)
    assert len({first, second, source.fingerprint(str(here), 1, 1)}) == 3
