"""Select the best of the trained models on the validation part."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.model import load_model, to_seconds
from components.train.parts import read_part


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One family's model.

    Attributes:
        family: Name of the family.
        sha256: Hash of the native file.
        mae: Mean absolute error on the validation part, seconds.
    """

    family: str
    sha256: str
    mae: float


def select(models: Sequence[Path], validation_set: Path, model: Path, report: Path) -> Contender:
    """Copy the model with the smallest error; of equal ones the first by name.

    Args:
        models: Model folders, at least one.
        validation_set: Validation part, Parquet.
        model: Folder to write.
        report: JSON file to write: the selected family, and every contender.

    Raises:
        ValueError: There is no model, or the validation part has no rows.
        components.model.ModelIntegrityError: A model folder was changed.
    """
    if not models:
        raise ValueError("no model was trained: name at least one family")
    held = read_part(validation_set)
    actual = np.expm1(held.target)
    contenders: dict[Path, Contender] = {}
    for folder in models:
        loaded = load_model(folder)
        predicted = to_seconds(loaded.learned.predict(held.features, threads=0))
        error = float(np.mean(np.abs(predicted - actual)))
        contenders[folder] = Contender(family=loaded.family, sha256=loaded.sha256, mae=error)
    ranked = sorted(contenders, key=lambda folder: (contenders[folder].mae, contenders[folder].family))
    best = contenders[ranked[0]]
    shutil.copytree(ranked[0], model)
    content = {"selected": best.family, "contenders": [vars(contenders[folder]) for folder in ranked]}
    report.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return best
