"""Every prediction with what it was made from, as lines of JSON in a folder (``components.journal``).

They are written before the caller has its answer: a service that is killed has lost none that it answered. Requests
that are answered at the same time share one write, as each costs as much as the model. Each worker writes files of its
own. A caller's routing key is not kept.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import to_json

from components import contract
from components.journal import PREDICTIONS, Journal


class PredictionLog:
    """Appends predictions to files of its own; use as a context manager.

    Args:
        folder: Made if missing, for its owner alone.
        bundle: Tag of the bundle, noted in each line.
    """

    def __init__(self, folder: Path, bundle: str) -> None:
        self._journal, self._bundle = Journal(folder, PREDICTIONS), bundle
        self._batch = _Batch()
        self._second, self._written_second = 0, ""

    def __enter__(self) -> "PredictionLog":
        self._journal.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._batch.lines:
            self._write(self._batch)
        self._journal.__exit__(*error)

    def write(
        self,
        *,
        request_id: str,
        variant: str,
        role: str,
        model_version: str,
        trips: Sequence[Mapping[str, Any]],
        features: np.ndarray,
        seconds: Sequence[float | None],
        milliseconds: float,
        degraded: bool,
    ) -> None:
        """Append one line for each prediction; ``written`` tells when they are in the file.

        Args:
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
        shared = {
            "at": self._now(),
            "request_id": request_id,
            "variant": variant,
            "role": role,
            "model_version": model_version,
            "bundle": self._bundle,
            "milliseconds": round(milliseconds, 3),
            "degraded": degraded,
        }
        for index, (trip, row, predicted) in enumerate(zip(trips, features.tolist(), seconds, strict=True)):
            line = {
                **shared,
                "index": index,
                "trip": trip,
                "features": row,
                contract.TARGET: predicted,
            }
            self._batch.lines += to_json(line, inf_nan_mode="null")
            self._batch.lines += b"\n"

    async def written(self) -> None:
        """Return when all lines are written, together with those of others until the event loop's next turn.

        Raises:
            OSError: They could not be written, and are dropped: the next ones must not wait for them.
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
            self._journal.append(batch.lines)
        except OSError as error:
            batch.failed = error

    def _now(self) -> str:
        """The time in UTC as ISO 8601 has it, to the millisecond; most of it is that of the request before."""
        milliseconds = time.time_ns() // 10**6
        second, rest = divmod(milliseconds, 1000)
        if second != self._second:
            self._second, self._written_second = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._written_second}.{rest:03d}+00:00"


class _Batch:
    """Lines that are written together, and why they could not be."""

    __slots__ = ("failed", "lines")

    def __init__(self) -> None:
        self.lines = bytearray()
        self.failed: OSError | None = None
