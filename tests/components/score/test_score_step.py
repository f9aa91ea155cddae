"""Batch scoring: the numbers of the online service, once for each data version and model version."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Barrier

import boto3
import numpy as np
import polars as pl
import pytest
from deltalake import DeltaTable
from pydantic import SecretStr

from components import contract, tables
from components.build_features.step import build_features
from components.features.apply import apply
from components.model import load_model
from components.platform import Platform
from components.score import predictions, step
from components.score.model_version import NoModelError
from components.tables import TableError
from components.trips import synthetic
from serving.online_features import ONLINE_FEATURES
from serving.prediction import model_input
from serving.trips import MAX_TRIPS, REQUEST_COLUMNS, parse_trips

Features = Callable[..., pl.DataFrame]


def commits(platform: Platform) -> int:
    """How often rows were added to the table of predictions."""
    table = DeltaTable(
        tables.table_uri(platform, predictions.PREDICTIONS), storage_options=tables.storage_options(platform)
    )
    return sum(entry["operation"] == "WRITE" for entry in table.history())


def data_files(platform: Platform) -> int:
    """Parquet files in the table's folder, whether a version of the table has them or not."""
    assert platform.secret_access_key is not None
    store = boto3.client(
        "s3",
        endpoint_url=platform.s3_endpoint,
        region_name=platform.region,
        aws_access_key_id=platform.access_key_id,
        aws_secret_access_key=platform.secret_access_key.get_secret_value(),
    )
    found = store.list_objects_v2(Bucket=platform.data_bucket, Prefix=f"tables/{predictions.PREDICTIONS}/")
    return sum(item["Key"].endswith(".parquet") for item in found.get("Contents", []))


@pytest.fixture
def features(make_features: Features, tmp_path: Path) -> Path:
    file = tmp_path / "features.parquet"
    make_features(3000).write_parquet(file)
    return file


@pytest.fixture
def live(tracked_platform: Platform, model_folder: Path, register: Callable[..., int]) -> Platform:
    """A platform with a champion."""
    register(tracked_platform.mlflow_tracking_uri, model_folder)
    return tracked_platform


def served(trips: list[dict[str, object]], online: np.ndarray, model_folder: Path, batch: int) -> np.ndarray:
    """What the online service answers to requests of ``batch`` trips, given the features."""
    model, found = load_model(model_folder), []
    for start in range(0, len(trips), batch):
        body = json.dumps(trips[start : start + batch], default=str).encode()
        found.append(model.predict(model_input(parse_trips(body), online[start : start + batch])))
    return np.concatenate(found)


# The linear model shows any change of a feature's last bit; trees show few.
@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "linear"])
def test_ten_thousand_trips_get_the_same_bits_as_from_the_online_service(
    tracked_platform: Platform,
    make_model: Callable[..., Path],
    register: Callable[..., int],
    tmp_path: Path,
    family: str,
) -> None:
    platform, folder = tracked_platform, make_model(tmp_path / "model", family)
    version = register(platform.mlflow_tracking_uri, folder)
    apply(platform)
    trips = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(10_300, seed=5, weeks=2)])
    usable = trips.filter(pl.col("tpep_dropoff_datetime") > pl.col("tpep_pickup_datetime")).head(10_000)
    data_version = tables.write_version(platform, tables.TRIPS, usable.to_arrow(), "ten thousand")
    build_features(platform, data_version, tmp_path / "features.parquet")

    result = step.score(platform, data_version, version, tmp_path / "features.parquet", tmp_path / "report.json")
    assert (result.rows, result.newly) == (10_000, True)

    order = [*REQUEST_COLUMNS, contract.TARGET]
    table = pl.read_parquet(tmp_path / "features.parquet").sort(order)
    asked = table.select(REQUEST_COLUMNS).with_columns(pl.col(contract.PASSENGERS).cast(pl.Int64)).to_dicts()
    online = table.select(ONLINE_FEATURES).to_numpy()
    assert np.isfinite(online).mean() > 0.5
    predicted = (
        predictions.scan(platform, data_version, version).collect().sort(order)[predictions.PREDICTED].to_numpy()
    )
    for requests, size in ((500, 1), (10_000, 7), (10_000, MAX_TRIPS)):
        assert np.array_equal(predicted[:requests], served(asked[:requests], online, folder, size))


def test_a_second_run_finds_the_predictions_and_adds_nothing(live: Platform, features: Path, tmp_path: Path) -> None:
    first = step.score(live, 0, 0, features, tmp_path / "one.json")
    before = data_files(live)
    second = step.score(live, 0, 0, features, tmp_path / "two.json")
    assert second == replace(first, newly=False, rows_per_second=0)
    assert json.loads((tmp_path / "two.json").read_text()) == vars(second)
    assert (commits(live), data_files(live)) == (1, before)


def test_each_data_version_and_each_model_version_has_predictions_of_its_own(
    live: Platform, features: Path, make_model: Callable[..., Path], register: Callable[..., int], tmp_path: Path
) -> None:
    other = register(live.mlflow_tracking_uri, make_model(tmp_path / "model", seed=2), champion=False)
    champion = step.score(live, 0, 0, features, tmp_path / "report.json").model_version
    step.score(live, 1, 0, features, tmp_path / "report.json")
    assert step.score(live, 0, other, features, tmp_path / "report.json").newly
    found = {
        key: predictions.scan(live, *key).collect()[predictions.PREDICTED].sort()
        for key in [(0, champion), (1, champion), (0, other)]
    }
    assert found[0, champion].equals(found[1, champion])
    assert not found[0, champion].equals(found[0, other])
    with pytest.raises(TableError, match=rf"--data-version 1 --model-version {other}"):
        predictions.scan(live, 1, other)


@pytest.mark.parametrize("exists", [False, True], ids=["first-ever", "later"])
def test_of_several_writers_at_once_one_adds_the_predictions(
    platform: Platform, features: Path, model_folder: Path, tmp_path: Path, exists: bool
) -> None:
    file, writers = tmp_path / "predictions.parquet", 4
    rows = step.predict_file(load_model(model_folder), features, file, 3, 9)
    if exists:
        predictions.append_once(platform, 2, 9, file, {})
    together = Barrier(writers)

    def write(_: int) -> bool:
        together.wait()
        return predictions.append_once(platform, 3, 9, file, {})

    with ThreadPoolExecutor(writers) as pool:
        assert sum(pool.map(write, range(writers))) == 1
    assert predictions.rows_of(platform, 3, 9) == rows * (2 if exists else 1)


def test_writers_for_different_versions_do_not_hinder_each_other(
    platform: Platform, features: Path, model_folder: Path, tmp_path: Path
) -> None:
    together = Barrier(4)

    def write(number: int) -> bool:
        file = tmp_path / f"{number}.parquet"
        step.predict_file(load_model(model_folder), features, file, number, 9)
        together.wait()
        return predictions.append_once(platform, number, 9, file, {})

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(write, range(4)))
    assert [predictions.rows_of(platform, number, 9) for number in range(4)] == [3000] * 4


def environment(platform: Platform) -> dict[str, str]:
    values = {str(field.validation_alias): getattr(platform, name) for name, field in Platform.model_fields.items()}
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }


def test_a_run_killed_while_it_writes_leaves_nothing_to_be_seen_and_the_next_one_completes(
    live: Platform, make_features: Features, tmp_path: Path
) -> None:
    # Many days make many files, so there is time between the first one and the commit.
    make_features(120_000, days=600).write_parquet(tmp_path / "features.parquet")
    arguments = f"Platform(), 0, 0, Path({str(tmp_path / 'features.parquet')!r}), Path({str(tmp_path / 'r.json')!r})"
    imports = "from pathlib import Path; from components.platform import Platform; from components.score import step"
    process = subprocess.Popen(
        # On a busy machine it would else be done before it is seen to have begun.
        ["nice", "-n", "19", sys.executable, "-c", f"{imports}; step.score({arguments})"],
        env=environment(live),
        stderr=subprocess.DEVNULL,
    )
    limit = time.monotonic() + 600
    while not data_files(live):
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -9
    left = data_files(live)
    assert left > 0
    assert predictions.rows_of(live, 0, 1) is None
    with pytest.raises(TableError, match="no predictions"):
        predictions.scan(live, 0, 1)

    result = step.score(live, 0, 0, tmp_path / "features.parquet", tmp_path / "report.json")
    assert (result.rows, result.newly) == (120_000, True)
    assert predictions.scan(live, 0, result.model_version).select(pl.len()).collect().item() == 120_000
    assert commits(live) == 1


def test_a_run_that_fails_leaves_nothing(live: Platform, make_features: Features, tmp_path: Path) -> None:
    make_features(3000).drop(contract.DISTANCE).write_parquet(tmp_path / "features.parquet")
    with pytest.raises(Exception, match=contract.DISTANCE):
        step.score(live, 0, 0, tmp_path / "features.parquet", tmp_path / "report.json")
    assert data_files(live) == 0
    assert not (tmp_path / "report.json").exists()


def test_the_table_is_partitioned_by_versions_and_day(live: Platform, features: Path, tmp_path: Path) -> None:
    version = step.score(live, 4, 0, features, tmp_path / "report.json").model_version
    table = DeltaTable(tables.table_uri(live, predictions.PREDICTIONS), storage_options=tables.storage_options(live))
    assert table.metadata().partition_columns == ["data_version", "model_version", "pickup_date"]
    day = f"data_version=4/model_version={version}/pickup_date=2026-01-06"
    assert any(day in uri for uri in table.file_uris())
    one_day = predictions.scan(live, 4, version).filter(pl.col("pickup_date") == date(2026, 1, 6)).collect()
    assert set(one_day[contract.PICKUP_TIME].dt.date()) == {date(2026, 1, 6)}


def test_the_size_of_the_slices_changes_no_bit(
    features: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, found = load_model(model_folder), []
    for rows in (10, 1500, 100_000):
        monkeypatch.setattr(step, "SLICE_ROWS", rows)
        step.predict_file(model, features, tmp_path / "predictions.parquet", 0, 1)
        found.append(pl.read_parquet(tmp_path / "predictions.parquet"))
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


def test_no_more_than_a_slice_of_the_trips_is_in_memory(
    features: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(step, "SLICE_ROWS", 700)
    real = step.model_input
    monkeypatch.setattr(step, "model_input", lambda trips: seen.append(len(trips)) or real(trips))
    step.predict_file(load_model(model_folder), features, tmp_path / "predictions.parquet", 0, 1)
    assert seen == [700, 700, 700, 700, 200]


@pytest.mark.parametrize(("number", "named"), [(0, "no champion"), (77, "no version 77")])
def test_a_model_that_is_not_in_the_registry_is_named(
    tracked_platform: Platform, features: Path, tmp_path: Path, number: int, named: str
) -> None:
    with pytest.raises(NoModelError, match=named):
        step.score(tracked_platform, 0, number, features, tmp_path / "report.json")


def test_a_model_that_was_changed_in_the_registry_is_refused(
    tracked_platform: Platform, make_model: Callable[..., Path], register: Callable[..., int], tmp_path: Path
) -> None:
    folder = make_model(tmp_path / "model", rounds=5)
    with (folder / "model.txt").open("a") as file:
        file.write("\n")
    register(tracked_platform.mlflow_tracking_uri, folder)
    with pytest.raises(Exception, match="SHA-256"):
        step.score(tracked_platform, 0, 0, tmp_path / "never-read", tmp_path / "report.json")
