"""Which model scores: a version of the registry by its number, or the champion."""

from pathlib import Path

import httpx

from components import contract
from components.model import Model, load_model
from components.platform import Platform
from components.recording import champion, download_model
from components.tracking import ModelVersion, Tracking

# Stands for the champion where a version's number is asked for: MLflow counts from 1.
CHAMPION = 0


class NoModelError(RuntimeError):
    """The registry has no such model version; the message says what to do."""


def find(platform: Platform, number: int) -> ModelVersion:
    """The model version of a number, or the champion.

    Raises:
        NoModelError: There is none.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        found = champion(tracking) if number == CHAMPION else _by_number(platform.mlflow_tracking_uri, number)
    if found is None:
        wanted = "champion" if number == CHAMPION else f"version {number}"
        raise NoModelError(f"the registry has no {wanted} of {contract.MODEL_NAME}; train a model: make train")
    return found


def fetch(platform: Platform, version: ModelVersion, folder: Path) -> Model:
    """Download a model version to a folder and load it.

    Raises:
        components.model.ModelIntegrityError: The model was changed, or is for another contract.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        return load_model(download_model(tracking, version, folder))


def _by_number(tracking_uri: str, number: int) -> ModelVersion | None:
    question = {"name": contract.MODEL_NAME, "version": str(number)}
    answer = httpx.get(f"{tracking_uri}/api/2.0/mlflow/model-versions/get", params=question, timeout=60)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    found = answer.raise_for_status().json()["model_version"]
    tags = {tag["key"]: tag.get("value", "") for tag in found.get("tags", [])}
    return ModelVersion(int(found["version"]), found.get("run_id", ""), found["source"], tags)
