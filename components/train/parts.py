"""The parts of a data version as arrays that a family learns from."""

from pathlib import Path

import numpy as np
import polars as pl

from components import contract
from components.families.family import Part
from components.model import to_target


def read_part(file: Path, *, rows: int | None = None, seed: int = 0) -> Part:
    """Features and targets of a Parquet file that the split step wrote.

    Args:
        file: With contract.MODEL_FEATURES and contract.TARGET (seconds).
        rows: At most so many, drawn without replacement and kept in their order; all by default.
        seed: Of the drawing.

    Raises:
        ValueError: The part is empty, or a target is missing, negative or infinite.
    """
    count = pl.scan_parquet(file).select(pl.len()).collect().item()
    drawn: np.ndarray | None = None
    if rows is not None and count > rows:
        drawn = np.sort(np.random.default_rng(seed).choice(count, rows, replace=False))
    seconds = _column(file, contract.TARGET, drawn)
    wrong = int(np.sum(~((seconds >= 0) & (seconds < np.inf))))
    if len(seconds) == 0 or wrong:
        raise ValueError(
            f"cannot train on {file}: it has {len(seconds)} rows of which {wrong} lack a duration of zero or more "
            f"seconds; look at the report of the ingest step"
        )
    # Column by column: there is never a second copy of them all.
    features = np.empty((len(seconds), len(contract.MODEL_FEATURES)), order="F")
    for number, name in enumerate(contract.MODEL_FEATURES):
        features[:, number] = _column(file, name, drawn)
    return Part(features, to_target(seconds))


def _column(file: Path, name: str, drawn: np.ndarray | None) -> np.ndarray:
    """A column as float64 with NaN for what is missing; of the drawn rows, or of all."""
    values = pl.read_parquet(file, columns=[name])[name].cast(pl.Float64).to_numpy()
    return values if drawn is None else values[drawn]
