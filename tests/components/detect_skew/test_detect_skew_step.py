"""A data version is compared with the one that the champion was trained on, where there is one."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components import contract, tables
from components.detect_skew import step
from components.detect_skew.step import NO_REFERENCE, NONE, VALUE_SKEW, Detection
from components.platform import Platform
from components.recording import DATA_VERSION, LEARN_FROM, open_run
from components.tracking import Tracking
from components.validate.bench import clean_trips


def a_version(platform: Platform, seed: int, source: str = "synthetic") -> int:
    trips = clean_trips(6000, seed, source).to_arrow()
    return tables.write_version(platform, tables.TRIPS, trips, f"{source} {seed}")


def a_champion(platform: Platform, tags: dict[str, str]) -> None:
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        run = open_run(tracking, "a champion", parameters={}, tags={})
        version = tracking.create_version(contract.MODEL_NAME, run, "model", tags)
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, version.version)


def detected(
    platform: Platform, version: int, folder: Path, learn_from: str = ""
) -> tuple[Detection, dict[str, Any], str]:
    files = {"report_file": folder / "report", "page_file": folder / "page"}
    done = step.detect_skew(platform, data_version=version, learn_from=learn_from, **files)
    return done, json.loads(files["report_file"].read_text()), files["page_file"].read_text()


def test_without_a_champion_there_is_nothing_to_compare_with(tracked_platform: Platform, tmp_path: Path) -> None:
    version = a_version(tracked_platform, seed=1)
    done, report, page = detected(tracked_platform, version, tmp_path)
    assert done == Detection(NONE, NO_REFERENCE)
    assert "no champion yet" in report["reason"]
    assert "no champion yet" in page


def test_the_champions_own_data_are_not_compared_with_themselves(tracked_platform: Platform, tmp_path: Path) -> None:
    version = a_version(tracked_platform, seed=1)
    a_champion(tracked_platform, {DATA_VERSION: str(version)})
    done, report, _ = detected(tracked_platform, version, tmp_path)
    assert done == Detection(NONE, version)
    assert "trained on this very version" in report["reason"]


def test_trips_of_the_same_world_are_not_skewed(tracked_platform: Platform, tmp_path: Path) -> None:
    reference, version = a_version(tracked_platform, seed=1), a_version(tracked_platform, seed=2)
    a_champion(tracked_platform, {DATA_VERSION: str(reference)})
    done, report, page = detected(tracked_platform, version, tmp_path)
    assert done == Detection(NONE, reference)
    assert not any(column["skewed"] for column in report["columns"])
    assert "No value skew" in page


def test_slower_traffic_is_told_with_its_columns_and_plots(tracked_platform: Platform, tmp_path: Path) -> None:
    reference = a_version(tracked_platform, seed=1)
    version = a_version(tracked_platform, seed=2, source="synthetic:congestion")
    a_champion(tracked_platform, {DATA_VERSION: str(reference)})
    done, report, page = detected(tracked_platform, version, tmp_path)
    assert done == Detection(VALUE_SKEW, reference)
    skewed = {column["column"] for column in report["columns"] if column["skewed"]}
    assert {"duration_seconds", "speed_mph"} <= skewed
    assert report["sample_rows"]["reference"] == tables.version_rows(tracked_platform, tables.TRIPS, reference)
    assert all(f"{name} in the reference and in this version" in page for name in skewed)
    assert detected(tracked_platform, version, tmp_path)[1:] == (report, page)


def test_a_change_of_what_is_learned_from_is_seen_beside_weeks_that_are_only_known(
    tracked_platform: Platform, tmp_path: Path
) -> None:
    usual = clean_trips(6000, 1)
    moved = clean_trips(6000, 2, "synthetic:congestion").tail(600)
    started = pl.col(contract.PICKUP_TIME)
    first = moved[contract.PICKUP_TIME].min()
    assert isinstance(first, datetime)
    trips = pl.concat([usual.filter(started < first), moved.filter(started >= first)])
    reference = a_version(tracked_platform, seed=1)
    version = tables.write_version(tracked_platform, tables.TRIPS, trips.to_arrow(), "moved")
    a_champion(tracked_platform, {DATA_VERSION: str(reference)})
    _, report, _ = detected(tracked_platform, version, tmp_path)
    assert "speed_mph" not in {column["column"] for column in report["columns"] if column["skewed"]}
    done, report, _ = detected(tracked_platform, version, tmp_path, first.isoformat())
    assert done == Detection(VALUE_SKEW, reference)
    assert "speed_mph" in {column["column"] for column in report["columns"] if column["skewed"]}
    assert report["sample_rows"]["current"] == trips.filter(started >= first).height

    # The champion's side likewise: it learned from the same trips of this version.
    a_champion(tracked_platform, {DATA_VERSION: str(version), LEARN_FROM: first.isoformat()})
    done, report, _ = detected(tracked_platform, version, tmp_path, first.isoformat())
    assert "trained on this very version" in report["reason"]
    other = tables.write_version(tracked_platform, tables.TRIPS, moved.to_arrow(), "the moved alone")
    done, report, _ = detected(tracked_platform, other, tmp_path)
    assert done == Detection(NONE, version), report["reason"]
    assert report["sample_rows"]["reference"] == trips.filter(started >= first).height


def test_the_reference_is_not_read_again_once_it_has_a_profile(
    tracked_platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, version = a_version(tracked_platform, seed=1), a_version(tracked_platform, seed=2)
    a_champion(tracked_platform, {DATA_VERSION: str(reference)})
    first = detected(tracked_platform, version, tmp_path)
    monkeypatch.setattr(tables, "files", lambda *_: pytest.fail("a table was read again"))
    assert detected(tracked_platform, version, tmp_path) == first


@pytest.mark.parametrize(
    ("tags", "reason"),
    [({}, "has no tag keelson.data_version"), ({DATA_VERSION: "7"}, "cannot be read: table 'trips' has no version 7")],
)
def test_a_champion_whose_data_cannot_be_had_is_told_and_stops_nothing(
    tracked_platform: Platform, tmp_path: Path, tags: dict[str, str], reason: str
) -> None:
    version = a_version(tracked_platform, seed=1)
    a_champion(tracked_platform, tags)
    done, report, page = detected(tracked_platform, version, tmp_path)
    assert done.decision == NONE
    assert reason in report["reason"]
    assert "No value skew" in page
