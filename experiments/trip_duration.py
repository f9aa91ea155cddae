"""An experiment on trip duration: does the traffic where a trip ends tell something that the champion does not know?

``source .local/env; python -m experiments.trip_duration --data-version 0`` runs it against the stack that the
environment names and prints one JSON line; ``trip_duration.ipynb`` goes through it step by step. docs/experiments.md
says how an experiment becomes part of the pipeline.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import mlflow.artifacts
import numpy as np
import polars as pl
from mlflow.exceptions import RestException

from components import contract, tables, thresholds
from components.build_features.step import BuildFeaturesResult, build_features
from components.evaluate import bootstrap
from components.evaluate.step import errors, hours_of
from components.families.lightgbm import LightGbm, lightgbm, settings
from components.features.store import feature_store
from components.model import Model, load_model, to_seconds, to_target
from components.platform import Platform
from components.split.step import split
from components.tables import PAIR_FEATURES_TABLE, ZONE_FEATURES_TABLE

# Not the pipeline's: what is tried here is not what serves.
EXPERIMENT = f"{contract.EXPERIMENT}-experiments"
IDEA = tuple(f"dropoff_{name}" for name in contract.ZONE_FEATURES[:3])


@dataclass(frozen=True)
class Parts:
    """The trips of a data version with their features, split by time as the pipeline does it."""

    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame


def features_of(platform: Platform, data_version: int, folder: Path) -> tuple[pl.DataFrame, BuildFeaturesResult]:
    """The features that the pipeline would train on, and the versions of the feature tables that they come from."""
    built = build_features(platform, data_version, folder / "features.parquet")
    return pl.read_parquet(folder / "features.parquet"), built


def with_dropoff_traffic(platform: Platform, trips: pl.DataFrame, built: BuildFeaturesResult) -> pl.DataFrame:
    """The trips with the last hour of their drop-off zone, as Feast knew it when they began.

    Returns:
        Three more columns, IDEA (Float64, null where unknown).
    """
    versions = {
        ZONE_FEATURES_TABLE: built.zone_features_version,
        PAIR_FEATURES_TABLE: built.pair_features_version,
    }
    entities = trips.select(
        pl.col(contract.DROPOFF_ZONE).cast(pl.Int64).alias(contract.ZONE_KEY),
        pl.col(contract.PICKUP_TIME).dt.replace_time_zone("UTC").alias(contract.EVENT_TIME),
    ).to_pandas()
    wanted = [f"{ZONE_FEATURES_TABLE}:{name}" for name in contract.ZONE_FEATURES[:3]]
    found = pl.from_arrow(feature_store(platform, versions).get_historical_features(entities, wanted).to_arrow())
    assert isinstance(found, pl.DataFrame)
    return trips.with_columns(found[name].alias(f"dropoff_{name}") for name in contract.ZONE_FEATURES[:3])


def parts_of(trips: pl.DataFrame, folder: Path) -> Parts:
    """Split trips by time as the pipeline does it."""
    trips.write_parquet(folder / "trips.parquet")
    files = [folder / f"{name}.parquet" for name in ("train", "validation", "test")]
    split(folder / "trips.parquet", *files)
    return Parts(*(pl.read_parquet(file) for file in files))


def fit(parts: Parts, columns: Sequence[str], parameters: Mapping[str, float | int], seed: int) -> Any:
    """A LightGBM booster on some columns, with the pipeline's settings but for the parameters that are named."""
    lgb = lightgbm()
    learned, held = (
        lgb.Dataset(
            part.select(columns).to_numpy(), to_target(part[contract.TARGET].to_numpy()), params={"verbosity": -1}
        )
        for part in (parts.train, parts.validation)
    )
    held.set_reference(learned)
    chosen = settings({**LightGbm.DEFAULTS, **parameters}, seed)
    return lgb.train(chosen, learned, 400, valid_sets=[held], callbacks=[lgb.early_stopping(20, verbose=False)])


def predict(booster: Any, test: pl.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Seconds, float64 [len(test)]."""
    return to_seconds(np.asarray(booster.predict(test.select(columns).to_numpy()), dtype=np.float64))


def champion(folder: Path) -> tuple[str, Model] | None:
    """The number and the model of the version that serves, or None where there is none."""
    try:
        version = mlflow.MlflowClient().get_model_version_by_alias(contract.MODEL_NAME, contract.CHAMPION)
    except RestException:
        return None
    return version.version, load_model(Path(mlflow.artifacts.download_artifacts(version.source, dst_path=str(folder))))


def compared(test: pl.DataFrame, mine: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """How much the mean absolute error changes, relative to the champion's, on the very same trips.

    Returns:
        ``change`` (-0.01 is one percent better), and the ends ``low`` and ``high`` of its confidence interval.
    """
    actual = test[contract.TARGET].to_numpy()
    off = np.column_stack([np.abs(mine - actual), np.abs(theirs - actual)])
    drawn = bootstrap.means(off, hours_of(test), seed=0)
    value = float(off[:, 0].mean() / off[:, 1].mean() - 1)
    found = bootstrap.interval(drawn[:, 0] / drawn[:, 1] - 1, value, thresholds.CONFIDENCE)
    return {"change": found.value, "low": found.low, "high": found.high}


def log(name: str, parameters: Mapping[str, Any], result: Mapping[str, float], booster: Any, folder: Path) -> str:
    """Keep an experiment in MLflow: parameters, metrics and the booster as text; returns the run's id."""
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_params(dict(parameters))
        mlflow.log_metrics(dict(result))
        booster.save_model(str(folder / "model.txt"), num_iteration=booster.best_iteration)
        mlflow.log_artifact(str(folder / "model.txt"))
    return run.info.run_id


def experiment(
    platform: Platform, data_version: int, parameters: Mapping[str, float | int], seed: int
) -> dict[str, Any]:
    """The whole experiment; returns what it found."""
    mlflow.set_tracking_uri(platform.mlflow_tracking_uri)
    columns = [*contract.MODEL_FEATURES, *IDEA]
    with tempfile.TemporaryDirectory(prefix="experiment-") as scratch:
        folder = Path(scratch)
        trips, built = features_of(platform, data_version, folder)
        parts = parts_of(with_dropoff_traffic(platform, trips, built), folder)
        booster = fit(parts, columns, parameters, seed)
        mine = predict(booster, parts.test, columns)
        result = {f"test.{name}": value for name, value in errors(parts.test[contract.TARGET].to_numpy(), mine).items()}
        serving = champion(folder)
        if serving is not None:
            theirs = serving[1].predict(parts.test.select(contract.MODEL_FEATURES).to_numpy())
            result |= {f"champion.{name}": value for name, value in compared(parts.test, mine, theirs).items()}
        noted = {"data_version": data_version, "champion": serving[0] if serving else None, "seed": seed, **parameters}
        run_id = log("dropoff traffic", noted, result, booster, folder)
    return {"run_id": run_id, **noted, **result}


def main() -> None:
    """Run the experiment that the command line asks for and print one JSON line."""
    parser = argparse.ArgumentParser(prog="python -m experiments.trip_duration", description=__doc__)
    parser.add_argument("--data-version", type=int, help="version of the trips; the newest if absent")
    parser.add_argument("--parameters", type=json.loads, default={}, help="of LightGBM, e.g. '{\"num_leaves\": 31}'")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    platform = Platform()  # pyright: ignore[reportCallIssue]
    newest = tables.latest_version(platform, tables.TRIPS)
    if newest is None:
        parser.exit(1, "there are no trips yet; make some: make train\n")
    version = newest if given.data_version is None else given.data_version
    print(json.dumps(experiment(platform, version, given.parameters, given.seed)))


if __name__ == "__main__":
    main()
