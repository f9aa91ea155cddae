"""Every prediction with what it was made from, as lines of JSON in a folder (``components.journal``).

They are written before the caller has its answer: a service that is killed has lost none that it answered. Requests
that are answered at the same time share one write, as each costs as much as the model. Each worker writes files of its
own. A caller's routing key is not kept.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from components import contract
from components.journal import PREDICTIONS, Journal


class Predicted(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a variant predicted for a request; a line of the log for each trip.

    Attributes:
        request_id: With the trip's place in the request and the role, what a line is known by.
        variant: ``champion`` or ``challenger``.
        role: ``answer``, or ``shadow`` where the caller was told another's prediction.
        model_version: Of the registry.
        trips: As the caller sent them, n of them.
        features: The model's input, float64 [n, len(MODEL_FEATURES)], which is also their order in the line; NaN is
            missing and written as null.
        seconds: Predictions, n of them; None where the model failed.
        milliseconds: That the model took for all of them.
        degraded: Whether online features were left out because they could not be read.
    """

    request_id: str
    variant: str
    role: str
    model_version: str
    trips: Sequence[Mapping[str, Any]]
    features: np.ndarray
    seconds: Sequence[float | None]
    milliseconds: float
    degraded: bool


class Line(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A line of the log, as it is written; see ``Predicted``.

    Attributes:
        at: When it was written, in ISO 8601.
        bundle: Tag of the bundle.
        index: Of the trip in the request.
    """

    at: str
    request_id: str
    variant: str
    role: str
    model_version: str
    bundle: str
    milliseconds: float
    degraded: bool
    index: int
    trip: Mapping[str, Any]
    features: Sequence[float]
    seconds: float | None = msgspec.field(name=contract.TARGET)


class PredictionLog:
    """Appends predictions to files of its own; use as a context manager.

    Args:
        folder: Made if missing, for its owner alone.
        bundle: Tag of the bundle, noted in each line.
    """

    def __init__(self, folder: Path, bundle: str) -> None:
        self._journal, self._bundle = Journal(folder, PREDICTIONS), bundle
        self._batch, self._encoder = _Batch(), msgspec.json.Encoder()

    def __enter__(self) -> "PredictionLog":
        self._journal.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._batch.predicted:
            self._write(self._batch)
        self._journal.__exit__(*error)

    def write(self, predicted: Predicted) -> None:
        """Append what was predicted; ``written`` tells when it is in the file."""
        self._batch.predicted.append(predicted)

    async def written(self) -> None:
        """Return when all lines are written, together with those of others until the event loop's next turn.

        Raises:
            OSError: They could not be written, and are dropped: the next ones must not wait for them.
            Exception: One of them could not be made into a line; all who wait for the same write are told.
        """
        batch = self._batch
        try:
            # Requests that arrived with this one add their lines meanwhile; whoever is back first writes those of all.
            await asyncio.sleep(0)
        finally:
            # Also where this caller is gone: others rely on it.
            if batch is self._batch:
                self._write(batch)
        if batch.failed is not None:
            raise batch.failed

    def _write(self, batch: "_Batch") -> None:
        self._batch = _Batch()
        try:
            self._journal.append(self._lines(batch.predicted))
        except Exception as error:
            # Of whatever kind: the others of the batch would take their lines for written.
            batch.failed = error

    def _lines(self, batch: Sequence[Predicted]) -> bytes:
        """The lines of all, made one right after the other: code that has just run costs less."""
        at = _now()
        # A feature that is missing is not a number, which is written as null.
        return self._encoder.encode_lines([line for one in batch for line in _lines_of(one, at, self._bundle)])


def _lines_of(one: Predicted, at: str, bundle: str) -> Iterator[Line]:
    milliseconds = int(one.milliseconds * 1e3) / 1e3
    rows = zip(one.trips, one.features.tolist(), one.seconds, strict=True)
    for index, (trip, row, seconds) in enumerate(rows):
        yield Line(
            at,
            one.request_id,
            one.variant,
            one.role,
            one.model_version,
            bundle,
            milliseconds,
            one.degraded,
            index,
            trip,
            row,
            seconds,
        )


def _now() -> str:
    """The time in ISO 8601, to milliseconds."""
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return f"{_to_seconds(seconds)}.{nanoseconds // 10**6:03d}+00:00"


# Writing a date out costs more than a line.
@lru_cache(maxsize=1)
def _to_seconds(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


class _Batch:
    """What is written together, and why it could not be."""

    __slots__ = ("failed", "predicted")

    def __init__(self) -> None:
        self.predicted: list[Predicted] = []
        self.failed: Exception | None = None
