"""The model on disk and in memory: ``model.txt`` (LightGBM's text format) beside ``model.json``.

No pickle: both files are text, and both are checked before a prediction is made.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components import contract
from components.lean import without

if TYPE_CHECKING:
    from lightgbm import Booster

MODEL_FILE, MANIFEST_FILE = "model.txt", "model.json"
# Below this many rows, starting threads costs more than they save.
SINGLE_THREAD_ROWS = 1000


class ModelIntegrityError(RuntimeError):
    """A model file is not what its manifest says; the message names file, expected and actual."""

    def __init__(self, file: Path, what: str, expected: str, actual: str) -> None:
        super().__init__(f"{file}: {what} is {actual}, expected {expected}; take the model from the registry again")
        self.file, self.expected, self.actual = file, expected, actual


class ContractMismatchError(ModelIntegrityError):
    """The model was trained for another contract (features, target or their order)."""


def lightgbm() -> Any:
    """The lightgbm module, imported without the packages that only its scikit-learn and plotting faces need."""
    # OpenMP threads that wait spin by default: on a busy machine training then takes ten times as long. It is read
    # when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with without("sklearn", "pandas", "dask", "matplotlib", "pyarrow"):
        import lightgbm
    return lightgbm


def contract_hash() -> str:
    """SHA-256 over what a model depends on: the features in their order, the target and its limits."""
    names = [contract.MODEL_FEATURES, contract.TARGET, contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def file_hash(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Model:
    """A trained model that predicts trip durations.

    Attributes:
        booster: The LightGBM booster; its output is ``log1p`` of seconds.
        sha256: Hash of ``model.txt``.
        training: What the trainer noted (seed, rounds, rows); equal for equal inputs.
    """

    booster: "Booster"
    sha256: str
    training: dict[str, Any]

    def predict(self, frame: np.ndarray) -> np.ndarray:
        """Predict durations.

        Args:
            frame: float64 of shape [n, len(MODEL_FEATURES)], columns in that order; NaN means missing.

        Returns:
            Seconds, float64 of shape [n], always within the contract's limits of a trip.

        Raises:
            ValueError: The shape is wrong.
        """
        width = len(contract.MODEL_FEATURES)
        if frame.ndim != 2 or frame.shape[1] != width:
            raise ValueError(f"the model takes an array of shape [n, {width}], got {list(frame.shape)}")
        if len(frame) == 0:
            return np.empty(0, dtype=np.float64)
        threads = 1 if len(frame) <= SINGLE_THREAD_ROWS else 0
        seconds = np.expm1(np.asarray(self.booster.predict(frame, num_threads=threads), dtype=np.float64))
        return np.clip(seconds, contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS)


def to_target(seconds: np.ndarray) -> np.ndarray:
    """Durations in seconds to what the booster learns; ``Model.predict`` turns it back."""
    return np.log1p(seconds)


def save_model(booster: "Booster", folder: Path, *, training: dict[str, Any]) -> str:
    """Write a model folder.

    Args:
        booster: The trained booster; its best iteration is kept.
        folder: Created if missing.
        training: Facts about the training that are equal for equal inputs; JSON values only.

    Returns:
        SHA-256 of ``model.txt``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = booster.model_to_string(num_iteration=booster.best_iteration)
    (folder / MODEL_FILE).write_text(text, encoding="utf-8")
    sha256 = file_hash(folder / MODEL_FILE)
    manifest = {
        "features": contract.MODEL_FEATURES,
        "target": contract.TARGET,
        "contract_sha256": contract_hash(),
        "model_sha256": sha256,
        "training": training,
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return sha256


def load_model(folder: Path) -> Model:
    """Read a model folder, whole or not at all.

    Raises:
        ContractMismatchError: The model was trained for another contract.
        ModelIntegrityError: ``model.txt`` is not the file that was saved, or a file is missing or unreadable.
    """
    manifest = _verified(folder)
    booster = lightgbm().Booster(model_file=str(folder / MODEL_FILE))
    return Model(booster=booster, sha256=manifest["model_sha256"], training=manifest["training"])


def verified_hash(folder: Path) -> str:
    """SHA-256 of a model folder's ``model.txt``, checked as by ``load_model`` but without loading it."""
    return str(_verified(folder)["model_sha256"])


def _verified(folder: Path) -> dict[str, Any]:
    """The manifest of a model folder that is what was saved, for this contract."""
    manifest = _manifest(folder / MANIFEST_FILE)
    if manifest["contract_sha256"] != contract_hash():
        raise ContractMismatchError(
            folder / MANIFEST_FILE, "the contract's SHA-256", contract_hash(), str(manifest["contract_sha256"])
        )
    file = folder / MODEL_FILE
    actual = file_hash(file) if file.is_file() else "that of no file"
    if actual != manifest["model_sha256"]:
        raise ModelIntegrityError(file, "its SHA-256", str(manifest["model_sha256"]), actual)
    return manifest


def _manifest(file: Path) -> dict[str, Any]:
    """The manifest with the keys that loading needs, or ModelIntegrityError."""
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelIntegrityError(file, "its content", "a JSON manifest", f"unreadable ({error})") from error
    needed = {"contract_sha256", "model_sha256", "training"}
    if not isinstance(manifest, dict) or not needed <= manifest.keys():
        raise ModelIntegrityError(file, "its content", f"an object with {sorted(needed)}", "something else")
    return manifest
