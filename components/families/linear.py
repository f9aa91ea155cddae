"""Ridge regression on simple transforms of the features, solved in closed form and kept as numbers in JSON."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from components import contract
from components.families.family import OnRound, Parameters, Part, Range, normalised

# Rows that are transformed at a time: memory stays small whatever the number of rows.
_BLOCK_ROWS = 100_000
# A transformed value further from the mean than this many standard deviations says no more than this many.
FARTHEST = 10.0
# Times come round: they are one column for each value but the first, not a number.
_CATEGORIES = {"hour": 24, "weekday": 7}


class Linear:
    """Coefficients over the columns of ``_design``, with the means and scales that the columns are brought to."""

    NAME: ClassVar[str] = "linear"
    FILE: ClassVar[str] = "model-linear.json"
    PACKAGES: ClassVar[tuple[str, ...]] = ("numpy",)
    DEVICES: ClassVar[tuple[str, ...]] = ("cpu",)
    DEFAULTS: ClassVar[Parameters] = {"penalty": 1.0}
    SPACE: ClassVar[Mapping[str, Range]] = {"penalty": Range(low=1e-3, high=1e4, log=True)}

    def __init__(self, intercept: float, coefficients: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> None:
        self.intercept, self.coefficients, self.mean, self.scale = intercept, coefficients, mean, scale
        self.rounds = 1

    @classmethod
    def fit(
        cls,
        train: Part,
        validation: Part,
        parameters: Parameters,
        *,
        seed: int,
        device: str = "cpu",
        max_rounds: int | None = None,
        on_round: OnRound | None = None,
    ) -> Self:
        """Solve the normal equations; the penalty is on standardised coefficients, not on the intercept."""
        mean, scale = _moments(train.features)
        width = len(mean)
        gram, moment = np.zeros((width, width)), np.zeros(width)
        level = float(np.mean(train.target))
        for rows in _blocks(len(train.features)):
            standard = _standard(train.features[rows], mean, scale)
            gram += standard.T @ standard
            moment += standard.T @ (train.target[rows] - level)
        penalty = float({**cls.DEFAULTS, **parameters}["penalty"])
        return cls(level, np.linalg.solve(gram + penalty * np.eye(width), moment), mean, scale)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the numbers."""
        held = json.loads(file.read_text(encoding="utf-8"))
        return cls(held["intercept"], *(np.array(held[name]) for name in ("coefficients", "mean", "scale")))

    def save(self, file: Path) -> None:
        """Write the numbers; each is read back as it is."""
        held = {"columns": _columns(), "intercept": self.intercept}
        held |= {name: getattr(self, name).tolist() for name in ("coefficients", "mean", "scale")}
        file.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")

    def predict(self, features: np.ndarray, *, threads: int) -> np.ndarray:
        """The intercept and the columns by their coefficients."""
        found = np.empty(len(features))
        for rows in _blocks(len(features)):
            # einsum adds in one order, whatever the number of rows; a matrix product does not.
            standard = _standard(features[rows], self.mean, self.scale)
            found[rows] = self.intercept + np.einsum("ij,j->i", standard, self.coefficients)
        return found

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """The columns of a feature, by their coefficients, added up."""
        single = _standard(features, self.mean, self.scale) * self.coefficients
        names = list(contract.MODEL_FEATURES)
        found = np.zeros((len(features), len(names) + 1))
        found[:, -1] = self.intercept
        for number, column in enumerate(_columns()):
            found[:, names.index(column.partition("=")[0])] += single[:, number]
        return found

    def importances(self) -> np.ndarray:
        """Sizes of the standardised coefficients, a feature's columns added up."""
        weights = np.zeros(len(contract.MODEL_FEATURES))
        names = list(contract.MODEL_FEATURES)
        for column, coefficient in zip(_columns(), self.coefficients, strict=True):
            weights[names.index(column.partition("=")[0])] += abs(coefficient)
        return normalised(weights)


def _columns() -> list[str]:
    """Names of the columns: ``feature``, ``feature=missing`` or ``feature=value``."""
    found: list[str] = []
    for name in contract.MODEL_FEATURES:
        values = [str(value) for value in range(1, _CATEGORIES[name])] if name in _CATEGORIES else []
        found += [f"{name}={value}" for value in values] or [name]
        found.append(f"{name}=missing")
    return found


def _design(features: np.ndarray) -> np.ndarray:
    """float64 [n, columns]: logarithms of amounts, one column for each value of a time, and what is missing."""
    columns: list[np.ndarray] = []
    for name, values in zip(contract.MODEL_FEATURES, features.T, strict=True):
        missing = ~np.isfinite(values)
        if name in _CATEGORIES:
            columns += [(values == value).astype(np.float64) for value in range(1, _CATEGORIES[name])]
        else:
            columns.append(np.where(missing, np.nan, np.sign(values) * np.log1p(np.abs(values))))
        columns.append(missing.astype(np.float64))
    return np.column_stack(columns)


def _standard(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The design with mean 0 and scale 1; a missing value stands at the mean."""
    return np.nan_to_num(np.clip((_design(features) - mean) / scale, -FARTHEST, FARTHEST), nan=0.0)


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column of the design; 0 and 1 where there is nothing to scale."""
    width = len(_columns())
    count, total, square = np.zeros(width), np.zeros(width), np.zeros(width)
    for rows in _blocks(len(features)):
        design = _design(features[rows])
        count += np.isfinite(design).sum(axis=0)
        total += np.nansum(design, axis=0)
        square += np.nansum(design**2, axis=0)
    mean = np.divide(total, count, out=np.zeros(width), where=count > 0)
    variance = np.divide(square, count, out=np.zeros(width), where=count > 0) - mean**2
    # Below this share of the mean square, what is left of a difference of large numbers is rounding.
    varies = variance > 1e-12 * np.maximum(mean**2, 1)
    return mean, np.sqrt(np.where(varies, variance, 1.0))


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(first, first + _BLOCK_ROWS) for first in range(0, rows, _BLOCK_ROWS))
