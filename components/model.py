"""The model on disk and in memory: ``model.json`` beside the native file of its family.

No pickle: the native files are text, JSON and UBJSON, and both files are checked before a prediction is made.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from components import contract
from components.families.family import Family, UnknownFamilyError, family

MANIFEST_FILE = "model.json"
# Below this many rows, starting threads costs more than they save.
SINGLE_THREAD_ROWS = 1000
_HIGHEST = np.log1p(contract.MAX_DURATION_SECONDS)


class ModelIntegrityError(RuntimeError):
    """A model file is not what its manifest says; the message names file, expected and actual."""

    def __init__(self, file: Path, what: str, expected: str, actual: str) -> None:
        super().__init__(f"{file}: {what} is {actual}, expected {expected}; take the model from the registry again")
        self.file, self.expected, self.actual = file, expected, actual


class ContractMismatchError(ModelIntegrityError):
    """The model was trained for another contract (features, target or their order), or its manifest is another's."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What is added to a log duration for the two ends of a prediction interval.

    Split-conformal: quantiles of the residuals on rows that were not learned from (Lei et al., "Distribution-free
    predictive inference for regression", 2018).

    Attributes:
        coverage: Share of trips that should lie within.
        low: To the lower end.
        high: To the upper end.
    """

    coverage: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model that predicts trip durations.

    Attributes:
        learned: The model of its family; it predicts ``log1p`` of seconds.
        sha256: Hash of the native file.
        interval: For prediction intervals.
        requires: Versions of the packages that it was made with and needs.
        training: What the trainer noted (seed, rounds, rows); equal for equal inputs.
    """

    learned: Family
    sha256: str
    interval: Interval
    requires: Mapping[str, str]
    training: Mapping[str, Any]

    @property
    def family(self) -> str:
        """Name of its family."""
        return self.learned.NAME

    def predict(self, frame: np.ndarray) -> np.ndarray:
        """Predict durations.

        Args:
            frame: float64 of shape [n, len(MODEL_FEATURES)], columns in that order; NaN means missing.

        Returns:
            Seconds, float64 of shape [n], always within the contract's limits of a trip.

        Raises:
            ValueError: The shape is wrong.
        """
        return to_seconds(self._logs(frame))

    def predict_interval(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict between which durations ``interval.coverage`` of such trips lie.

        Args:
            frame: As for ``predict``.

        Returns:
            Lower and upper end in seconds, float64 of shape [n] each, within the contract's limits.

        Raises:
            ValueError: The shape is wrong.
        """
        logs = self._logs(frame)
        return to_seconds(logs + self.interval.low), to_seconds(logs + self.interval.high)

    def contributions(self, frame: np.ndarray) -> np.ndarray:
        """What each feature adds to a prediction.

        Args:
            frame: As for ``predict``.

        Returns:
            float64 of shape [n, len(MODEL_FEATURES) + 1] on the log scale: a contribution of 0.1 makes the trip about
            10 % longer. The last column is the base; a row's sum is ``log1p`` of the prediction before it is brought
            within the limits.

        Raises:
            ValueError: The shape is wrong.
        """
        self._check(frame)
        if len(frame) == 0:
            return np.empty((0, len(contract.MODEL_FEATURES) + 1))
        return self.learned.contributions(frame)

    def importances(self) -> dict[str, float]:
        """How much the model was shaped by each feature, by name; they sum to 1."""
        return dict(zip(contract.MODEL_FEATURES, self.learned.importances().tolist(), strict=True))

    def _logs(self, frame: np.ndarray) -> np.ndarray:
        self._check(frame)
        if len(frame) == 0:
            return np.empty(0, dtype=np.float64)
        return self.learned.predict(frame, threads=1 if len(frame) <= SINGLE_THREAD_ROWS else 0)

    @staticmethod
    def _check(frame: np.ndarray) -> None:
        width = len(contract.MODEL_FEATURES)
        if frame.ndim != 2 or frame.shape[1] != width:
            raise ValueError(f"the model takes an array of shape [n, {width}], got {list(frame.shape)}")


def to_target(seconds: np.ndarray) -> np.ndarray:
    """Durations in seconds to what a family learns; ``to_seconds`` turns it back."""
    return np.log1p(seconds)


def to_seconds(logs: np.ndarray) -> np.ndarray:
    """What a family predicts to seconds within the contract's limits of a trip."""
    seconds = np.expm1(np.minimum(logs, _HIGHEST))
    # What np.clip does, at a quarter of its cost for a single row.
    return np.minimum(np.maximum(seconds, contract.MIN_DURATION_SECONDS), contract.MAX_DURATION_SECONDS)


def contract_hash() -> str:
    """SHA-256 over what a model depends on: the features in their order, the target and its limits."""
    names = [contract.MODEL_FEATURES, contract.TARGET, contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def file_hash(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def save_model(learned: Family, folder: Path, *, interval: Interval, training: Mapping[str, Any]) -> str:
    """Write a model folder, whole or not at all.

    Args:
        learned: The trained model of its family.
        folder: Must not exist, or is replaced.
        interval: For prediction intervals.
        training: Facts about the training that are equal for equal inputs; JSON values only.

    Returns:
        SHA-256 of the native file.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        draft = Path(scratch) / "model"
        draft.mkdir()
        learned.save(draft / learned.FILE)
        sha256 = file_hash(draft / learned.FILE)
        manifest = {
            "family": learned.NAME,
            "file": learned.FILE,
            "features": contract.MODEL_FEATURES,
            "target": contract.TARGET,
            "contract_sha256": contract_hash(),
            "model_sha256": sha256,
            "interval": vars(interval),
            "requires": {package: _version(package) for package in learned.PACKAGES},
            "training": dict(training),
        }
        (draft / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    return sha256


def _version(package: str) -> str:
    """The installed version; of ``xgboost-cpu`` that of ``xgboost`` where the one with CUDA is installed instead."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return metadata.version(package.removesuffix("-cpu"))


def load_model(folder: Path) -> Model:
    """Read a model folder, whole or not at all.

    Raises:
        ContractMismatchError: The model was trained for another contract.
        ModelIntegrityError: The native file is not the one that was saved, or a file is missing or unreadable.
    """
    manifest = _verified(folder)
    return Model(
        learned=family(manifest["family"]).load(folder / manifest["file"]),
        sha256=manifest["model_sha256"],
        interval=Interval(**manifest["interval"]),
        requires=manifest["requires"],
        training=manifest["training"],
    )


def verified_hash(folder: Path) -> str:
    """SHA-256 of a model folder's native file, checked as by ``load_model`` but without loading it."""
    return str(_verified(folder)["model_sha256"])


def model_files(folder: Path) -> list[str]:
    """Names of a model folder's files: the manifest, and the native file that the manifest names.

    Raises:
        ModelIntegrityError: The manifest is missing or unreadable.
    """
    return [MANIFEST_FILE, str(_manifest(folder / MANIFEST_FILE)["file"])]


def _verified(folder: Path) -> dict[str, Any]:
    """The manifest of a model folder that is what was saved, for this contract."""
    manifest = _manifest(folder / MANIFEST_FILE)
    if manifest["contract_sha256"] != contract_hash():
        raise ContractMismatchError(
            folder / MANIFEST_FILE, "the contract's SHA-256", contract_hash(), str(manifest["contract_sha256"])
        )
    file = folder / manifest["file"]
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
    needed = {"family", "file", "contract_sha256", "model_sha256", "interval", "requires", "training"}
    if not isinstance(manifest, dict) or not needed <= manifest.keys():
        # So was the manifest of an earlier version of this project: such a model is no rival, but no damage either.
        raise ContractMismatchError(file, "its content", f"an object with {sorted(needed)}", "something else")
    try:
        native = family(manifest["family"]).FILE
    except UnknownFamilyError as error:
        raise ModelIntegrityError(file, "its family", "a known one", str(error)) from error
    if manifest["file"] != native:
        # Also keeps a manifest from naming a file outside the folder.
        raise ModelIntegrityError(file, "its native file", native, str(manifest["file"]))
    return manifest
