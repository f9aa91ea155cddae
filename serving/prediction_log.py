"""Every prediction with what it was made from, as lines of JSON in a folder (``components.journal``).

They are written before the caller has its answer: a service that is killed has lost none that it answered. Requests
that are answered at the same time share one write, as each costs as much as the model. Each worker writes files of its
own. A caller's routing key is not kept.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import to_json

from components import contract
from components.journal import PREDICTIONS, Journal


class Predicted(NamedTuple):
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


class PredictionLog:
    """Appends predictions to files of its own; use as a context manager.

    Args:
        folder: Made if missing, for its owner alone.
        bundle: Tag of the bundle, noted in each line.
    """

    def __init__(self, folder: Path, bundle: str) -> None:
        self._journal, self._bundle = Journal(folder, PREDICTIONS), bundle
        self._batch = _Batch()

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

    def _lines(self, batch: Sequence[Predicted]) -> bytearray:
        """The lines of all, made one right after the other: code that has just run costs less."""
        lines, at = bytearray(), datetime.now(UTC).isoformat(timespec="milliseconds")
        for one in batch:
            trips = zip(one.trips, one.features.tolist(), one.seconds, strict=True)
            for index, (trip, row, seconds) in enumerate(trips):
                line = {
                    "at": at,
                    "request_id": one.request_id,
                    "variant": one.variant,
                    "role": one.role,
                    "model_version": one.model_version,
                    "bundle": self._bundle,
                    "milliseconds": round(one.milliseconds, 3),
                    "degraded": one.degraded,
                    "index": index,
                    "trip": trip,
                    "features": row,
                    contract.TARGET: seconds,
                }
                lines += to_json(line, inf_nan_mode="null")
                lines += b"\n"
        return lines


class _Batch:
    """What is written together, and why it could not be."""

    __slots__ = ("failed", "predicted")

    def __init__(self) -> None:
        self.predicted: list[Predicted] = []
        self.failed: Exception | None = None
