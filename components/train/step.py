"""Train a model of one family: the same bytes for the same inputs."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components import thresholds
from components.families.family import DEVICES
from components.families.family import family as family_of
from components.model import Interval, save_model
from components.train.parts import read_part


@dataclass(frozen=True)
class TrainResult:
    """What was trained.

    Attributes:
        rounds: Rounds of learning that were kept.
        train_rows: Trips learned from.
        model_sha256: Hash of the native file.
    """

    rounds: int
    train_rows: int
    model_sha256: str


def train(
    train_set: Path, validation_set: Path, parameters: Path, model: Path, *, family: str, seed: int, device: str
) -> TrainResult:
    """Train until the validation part stops improving and write the model folder.

    Args:
        train_set: Parquet file with contract.MODEL_FEATURES and contract.TARGET (seconds).
        validation_set: The same, of later trips.
        parameters: JSON of the tune step for the same family.
        model: Folder to write.
        family: Name of the family.
        seed: Seed of every random choice.
        device: ``cpu``, or ``cuda``, on which the families that can learn do; the manifest says what was used.

    Raises:
        ValueError: A part is empty, a target is missing, negative or infinite, the parameters are another family's,
            or there is no such device.
        components.families.family.UnknownFamilyError: There is no such family.
    """
    chosen = json.loads(parameters.read_text(encoding="utf-8"))
    if chosen["family"] != family:
        raise ValueError(f"{parameters} has parameters of {chosen['family']}, asked for are those of {family}")
    if device not in DEVICES:
        raise ValueError(f"{device!r} is no device to learn on; there are {', '.join(DEVICES)}")
    kind = family_of(family)
    used = device if device in kind.DEVICES else "cpu"
    learn, held = read_part(train_set), read_part(validation_set)
    learned = kind.fit(learn, held, chosen["parameters"], seed=seed, device=used)
    residuals = held.target - learned.predict(held.features, threads=0)
    facts = {
        "seed": seed,
        "parameters": chosen["parameters"],
        "device": used,
        "rounds": learned.rounds,
        "train_rows": len(learn.target),
        "validation_rows": len(held.target),
    }
    sha256 = save_model(learned, model, interval=conformal(residuals, thresholds.INTERVAL_COVERAGE), training=facts)
    return TrainResult(learned.rounds, len(learn.target), sha256)


def conformal(residuals: np.ndarray, coverage: float) -> Interval:
    """The interval that holds a share of new rows, whatever the model and whatever the distribution of errors.

    Args:
        residuals: Actual less predicted log duration, float64 [n], of rows that were not learned from.
        coverage: Share that should lie within, 0 to 1.
    """
    ordered, rows = np.sort(residuals), len(residuals)
    outside = (1 - coverage) / 2
    # With one more row to come, its rank among all of them is uniform: hence n + 1.
    low = int(np.floor(outside * (rows + 1))) - 1
    high = int(np.ceil((1 - outside) * (rows + 1))) - 1
    ends = ordered[max(low, 0)], ordered[min(high, rows - 1)]
    return Interval(coverage=coverage, low=float(ends[0]), high=float(ends[1]))
