"""A small real stack for experiments: object store, Postgres, feature store and MLflow, with trips and a champion."""

from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from components import contract, tables
from components.build_features.step import build_features
from components.families.family import Part, family
from components.features.apply import apply
from components.model import Interval, model_files, save_model, to_target
from components.platform import Platform
from components.tracking import Tracking
from components.trips import synthetic


@pytest.fixture
def stack(tracked_platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform that the environment names, with 3,000 trips and a champion that learned from them."""
    found = tracked_platform
    for name, field in Platform.model_fields.items():
        value = getattr(found, name)
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            monkeypatch.setenv(str(field.validation_alias), text)
    apply(found)
    trips = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(3000, seed=5, weeks=1)])
    usable = trips.filter(pl.col(contract.DROPOFF_TIME) > pl.col(contract.PICKUP_TIME))
    tables.write_version(found, tables.TRIPS, usable.to_arrow(), "trips")
    build_features(found, 0, tmp_path / "champion.parquet")
    table = pl.read_parquet(tmp_path / "champion.parquet")
    part = Part(table.select(contract.MODEL_FEATURES).to_numpy(), to_target(table[contract.TARGET].to_numpy()))
    learned = family("lightgbm").fit(part, part, {}, seed=1, max_rounds=10)
    save_model(learned, tmp_path / "model", interval=Interval(coverage=0.8, low=-0.1, high=0.1), training={})
    with Tracking(found.mlflow_tracking_uri) as tracking:
        run = tracking.create_run(tracking.experiment(contract.EXPERIMENT), "made up", {})
        for name in model_files(tmp_path / "model"):
            tracking.upload(run, tmp_path / "model" / name, f"model/{name}")
        version = tracking.create_version(contract.MODEL_NAME, run, "model", {}).version
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, version)
    return found
