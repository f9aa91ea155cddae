"""What a model family is: a way to learn log durations, with a native file that holds no code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

Parameters = Mapping[str, float | int]
# Told after some rounds of learning: how many, and the error on the validation part so far (log scale, lower is
# better). It may raise to end the learning.
OnRound = Callable[[int, float], None]


@dataclass(frozen=True)
class Part:
    """Rows to learn from or to be judged by.

    Attributes:
        features: float64 [n, len(MODEL_FEATURES)] in that order; NaN means missing.
        target: float64 [n], log1p of seconds.
    """

    features: np.ndarray
    target: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Range:
    """The values of one parameter that a tuner may try, both ends included."""

    low: float
    high: float
    log: bool = False
    integer: bool = False


class Family(Protocol):
    """A learned model of one family; the class itself says how models of the family are made.

    Attributes:
        NAME: As in a manifest.
        FILE: Name of the native file.
        PACKAGES: Packages that loading needs; a model must meet the versions that it was made with.
        DEFAULTS: Parameters where nobody tuned.
        SPACE: What a tuner may try; empty where there is nothing to tune.
        DEVICES: On which of DEVICES it can learn; on the CPU all can.
        rounds: Rounds of learning that were kept; 1 for families without rounds.
    """

    NAME: ClassVar[str]
    FILE: ClassVar[str]
    PACKAGES: ClassVar[tuple[str, ...]]
    DEFAULTS: ClassVar[Parameters]
    SPACE: ClassVar[Mapping[str, Range]]
    DEVICES: ClassVar[tuple[str, ...]]
    rounds: int

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
        """Learn; the same arguments give the same bytes on the same kind of machine.

        Args:
            train: What is learned from.
            validation: Later rows; learning ends when it no longer gets better on them.
            parameters: Of SPACE; what is not named has its default.
            seed: Of every random choice.
            device: One of the family's DEVICES; a family that has only the CPU learns there.
            max_rounds: At most so many; the family's own limit by default.
            on_round: Told about progress.
        """
        ...

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the native file; no code in it is run."""
        ...

    def save(self, file: Path) -> None:
        """Write the native file; the same model gives the same bytes."""
        ...

    def predict(self, features: np.ndarray, *, threads: int) -> np.ndarray:
        """Log durations, float64 [n]; finite for any numbers. ``threads`` is 0 for as many as there are cores."""
        ...

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """float64 [n, features + 1]: what each feature adds to the log duration; the last column is the base."""
        ...

    def importances(self) -> np.ndarray:
        """float64 [features], not negative, that sum to 1: how much the model was shaped by each feature."""
        ...


class UnknownFamilyError(ValueError):
    """There is no such family; the message lists those that there are."""


NAMES = ("baseline", "linear", "lightgbm", "xgboost")
DEVICES = ("cpu", "cuda")


def family(name: str) -> type[Family]:
    """The class of a family by name; its library is imported here and not before.

    Raises:
        UnknownFamilyError: There is no such family.
    """
    # Each import stands where it is needed: a model of one family must not cost the libraries of all.
    if name == "baseline":
        from components.families.baseline import Baseline

        return Baseline
    if name == "linear":
        from components.families.linear import Linear

        return Linear
    if name == "lightgbm":
        from components.families.lightgbm import LightGbm

        return LightGbm
    if name == "xgboost":
        from components.families.xgboost import XgBoost

        return XgBoost
    raise UnknownFamilyError(f"{name!r} is no model family; there are {', '.join(NAMES)}")


def normalised(weights: np.ndarray) -> np.ndarray:
    """Weights that sum to 1; all equal where all are 0."""
    total = float(weights.sum())
    return weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
