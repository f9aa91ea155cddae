"""The naive baseline: the median duration of the training trips of the same distance band."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from components import contract
from components.families.family import OnRound, Parameters, Part, Range, normalised

# Upper ends of the bands in miles.
DISTANCE_BANDS = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
_DISTANCE = contract.MODEL_FEATURES.index(contract.DISTANCE)


class Baseline:
    """A table of medians, on the log scale; a trip without a distance gets the median of all."""

    NAME: ClassVar[str] = "baseline"
    FILE: ClassVar[str] = "model-baseline.json"
    PACKAGES: ClassVar[tuple[str, ...]] = ("numpy",)
    DEVICES: ClassVar[tuple[str, ...]] = ("cpu",)
    DEFAULTS: ClassVar[Parameters] = {}
    SPACE: ClassVar[Mapping[str, Range]] = {}

    def __init__(self, overall: float, bands: np.ndarray) -> None:
        self.overall, self.bands, self.rounds = overall, bands, 1

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
        """Take the medians; nothing else is used."""
        overall, band = float(np.median(train.target)), cls._band(train.features)
        bands = np.full(len(DISTANCE_BANDS) + 1, overall)
        for number in np.unique(band[band >= 0]):
            bands[number] = np.median(train.target[band == number])
        return cls(overall, bands)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the table."""
        held = json.loads(file.read_text(encoding="utf-8"))
        return cls(held["overall"], np.array(held["bands"]))

    def save(self, file: Path) -> None:
        """Write the table."""
        held = {"bands": self.bands.tolist(), "overall": self.overall, "upper_miles": DISTANCE_BANDS}
        file.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")

    def predict(self, features: np.ndarray, *, threads: int) -> np.ndarray:
        """The band's median."""
        return np.append(self.bands, self.overall)[self._band(features)]

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """All comes from the distance."""
        found = np.zeros((len(features), features.shape[1] + 1))
        found[:, -1] = self.overall
        found[:, _DISTANCE] = self.predict(features, threads=1) - self.overall
        return found

    def importances(self) -> np.ndarray:
        """All comes from the distance."""
        weights = np.zeros(len(contract.MODEL_FEATURES))
        weights[_DISTANCE] = 1.0
        return normalised(weights)

    @staticmethod
    def _band(features: np.ndarray) -> np.ndarray:
        """The number of each row's band; -1 where the distance is missing."""
        distance = features[:, _DISTANCE]
        return np.where(np.isnan(distance), -1, np.searchsorted(DISTANCE_BANDS, distance, side="left"))
