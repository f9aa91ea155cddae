"""Whether an exported model says what the bundle says: the same trips are put to both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import onnxruntime

from components import contract
from components.features.online import ONLINE_FEATURES
from components.model import Model
from serving.edge.features import STORED, holidays, microseconds
from serving.edge.graph import HIGH, LOW
from serving.prediction import model_input
from serving.trips import FIRST_YEAR

ROWS, SEED = 10_000, 20_260_115

_FIRST = datetime(FIRST_YEAR, 1, 1)
_SECONDS_A_DAY = 86_400
_COLUMNS = {column.name: column for column in contract.COLUMNS}
# No stored feature should be one of these; a model answers all the same.
_ODD = (0.0, -1.0, 1e-40, float(np.finfo(np.float64).max), float(-np.finfo(np.float64).max))


@dataclass(frozen=True)
class Question:
    """Trips and what is stored of their zones.

    Attributes:
        trips: As ``serving.trips.parse_trips`` returns them.
        online: float64 [len(trips), len(ONLINE_FEATURES)]; NaN means unknown.
    """

    trips: Sequence[Mapping[str, Any]]
    online: np.ndarray

    def inputs(self) -> dict[str, np.ndarray]:
        """The same as the exported graph takes it."""

        def column(name: str, kind: type) -> np.ndarray:
            return np.array([trip[name] for trip in self.trips], dtype=kind)

        return {
            contract.PICKUP_TIME: np.array([microseconds(trip[contract.PICKUP_TIME]) for trip in self.trips]),
            contract.PICKUP_ZONE: column(contract.PICKUP_ZONE, np.int64),
            contract.DROPOFF_ZONE: column(contract.DROPOFF_ZONE, np.int64),
            contract.DISTANCE: column(contract.DISTANCE, np.float64),
            # None becomes NaN.
            contract.PASSENGERS: column(contract.PASSENGERS, np.float64),
            STORED: self.online,
        }

    def model_input(self) -> np.ndarray:
        """The same as the bundle puts it to its model: float64 [len(trips), len(MODEL_FEATURES)]."""
        return model_input(self.trips, self.online)


def draw(rows: int = ROWS, seed: int = SEED) -> Question:
    """Trips from everywhere within the contract, with more holidays, airports, limits and gaps than there are.

    A sixth begins on a holiday or a microsecond before or after one, a fifth begins or ends at an airport; distances
    are partly in hundredths, as taximeters give them; of the stored features a fifth is missing, and of a tenth of the
    trips all are.
    """
    random = np.random.default_rng(seed)
    drawn = {
        contract.PICKUP_TIME: _times(random, rows),
        contract.PICKUP_ZONE: _zones(random, rows),
        contract.DROPOFF_ZONE: _zones(random, rows),
        contract.DISTANCE: _distances(random, rows),
        contract.PASSENGERS: [None if count < 0 else int(count) for count in random.integers(-2, 10, rows)],
    }
    trips = [dict(zip(drawn, row, strict=True)) for row in zip(*drawn.values(), strict=True)]
    # The same share of each order of magnitude, so that counts, speeds and durations are all met.
    online = np.exp(random.uniform(np.log(0.1), np.log(1e5), (rows, len(ONLINE_FEATURES))))
    online = np.where(random.random(online.shape) < 0.02, random.choice(_ODD, online.shape), online)
    unknown = (random.random(online.shape) < 0.2) | (random.random((rows, 1)) < 0.1)
    return Question(trips, np.where(unknown, np.nan, online))


def expected(model: Model, question: Question) -> dict[str, np.ndarray]:
    """What the bundle of a model says: seconds, float64 [n], by the name of the graph's output."""
    features = question.model_input()
    low, high = model.predict_interval(features)
    return {contract.TARGET: model.predict(features), LOW: low, HIGH: high}


def answers(session: onnxruntime.InferenceSession, question: Question) -> dict[str, np.ndarray]:
    """What an exported model says, in the same form."""
    names = (contract.TARGET, LOW, HIGH)
    return {name: np.asarray(values) for name, values in zip(names, session.run(names, question.inputs()), strict=True)}


def difference(expected: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> float:
    """The largest relative difference; NaN where a number was expected and there is none."""
    return float(max(np.max(np.abs(found[name] - expected[name]) / expected[name]) for name in expected))


def _times(random: np.random.Generator, rows: int) -> list[datetime]:
    days = len(holidays())
    day = random.integers(0, days, rows)
    free = np.flatnonzero(holidays())
    day = np.where(random.random(rows) < 1 / 6, random.choice(free, rows), day)
    second = random.integers(0, _SECONDS_A_DAY, rows)
    # The last microsecond of a day, and its first.
    micro = random.choice((0, _SECONDS_A_DAY * 1_000_000 - 1, -1), rows, p=(0.1, 0.1, 0.8))
    micro = np.where(micro < 0, second * 1_000_000 + random.integers(0, 1_000_000, rows), micro)
    return [_FIRST + timedelta(int(d), microseconds=int(m)) for d, m in zip(day, micro, strict=True)]


def _zones(random: np.random.Generator, rows: int) -> list[int]:
    anywhere = random.integers(contract.FIRST_ZONE, contract.LAST_ZONE + 1, rows)
    airports = random.choice(list(contract.AIRPORT_ZONES), rows)
    return np.where(random.random(rows) < 0.1, airports, anywhere).tolist()


def _distances(random: np.random.Generator, rows: int) -> list[float]:
    least, most = (
        float(limit or 0) for limit in (_COLUMNS[contract.DISTANCE].minimum, _COLUMNS[contract.DISTANCE].maximum)
    )
    miles = np.clip(random.lognormal(0.8, 1.0, rows), least, most)
    miles = np.where(random.random(rows) < 0.5, np.round(miles, 2), miles)
    return np.where(random.random(rows) < 0.02, random.choice((least, most), rows), miles).tolist()
