"""A model folder as MLflow knows models: with signature, input example, and a loader for ``mlflow.pyfunc``.

``mlflow.pyfunc.load_model("models:/trip-duration@champion")`` works wherever this package is installed, by the same
checks as everywhere. No code is kept with the model, and no pickle.
"""

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any

import yaml

from components import contract
from components.model import Model, load_model

EXAMPLE_FILE, MLMODEL_FILE = "input_example.json", "MLmodel"


class TripDurations:
    """What MLflow calls a model: predicts from a frame with the contract's features as columns."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Seconds, float64 [n], for a pandas frame with the columns MODEL_FEATURES."""
        return self.model.predict(data[list(contract.MODEL_FEATURES)].to_numpy(dtype="float64"))


def _load_pyfunc(path: str) -> TripDurations:  # pyright: ignore[reportUnusedFunction]
    """MLflow's loader calls this by its name."""
    return TripDurations(load_model(Path(path)))


def files(manifest: Mapping[str, Any], example: Mapping[str, Any], *, run_id: str, folder: str) -> dict[str, str]:
    """What MLflow wants beside a model folder's own files, by name.

    Args:
        manifest: Of the model folder.
        example: ``columns`` and ``data`` of an input that shows what the model takes.
        run_id: MLflow run that keeps the model.
        folder: Path of the model among the run's artifacts.
    """
    features = [{"type": "double", "name": name, "required": True} for name in contract.MODEL_FEATURES]
    target = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]
    described = {
        "flavors": {
            "python_function": {
                "loader_module": __name__,
                "python_version": python_version(),
                "env": {},
            }
        },
        "run_id": run_id,
        "artifact_path": folder,
        "mlflow_version": metadata.version("mlflow"),
        "signature": {"inputs": json.dumps(features), "outputs": json.dumps(target), "params": None},
        "saved_input_example_info": {
            "artifact_path": EXAMPLE_FILE,
            "pandas_orient": "split",
            "type": "dataframe",
        },
        "metadata": dict(manifest),
    }
    split = {"columns": example["columns"], "data": example["data"]}
    return {MLMODEL_FILE: yaml.safe_dump(described, sort_keys=True), EXAMPLE_FILE: json.dumps(split)}
