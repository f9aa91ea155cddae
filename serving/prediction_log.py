"""Every prediction with what it was made from, as lines of JSON in a folder (``components.journal``).

They are written before the caller has its answer: a service that is killed has lost none that it answered. Requests
that are answered at the same time share one write, as each costs as much as the model. Each worker writes files of its
own. A caller's routing key is not kept.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
        self._lines = bytearray()
        self._waiting: list[asyncio.Future[None]] = []
        self._loop: asyncio.AbstractEventLoop

    def __enter__(self) -> "PredictionLog":
        self._journal.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._lines:
            self._write()
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
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
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
            self._lines += to_json(line, inf_nan_mode="null")
            self._lines += b"\n"

    async def written(self) -> None:
        """Return when all lines are written, together with those of others until the event loop's next turn.

        Raises:
            OSError: It could not be written, and is dropped: the next lines must not wait for it.
        """
        if not self._waiting:
            # Asking for the loop is a call into the system.
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._write)
        # One of its own for each: where a caller is gone, the others must not be cancelled with it.
        waiting = self._loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        lines, self._lines = self._lines, bytearray()
        error: OSError | None = None
        try:
            self._journal.append(lines)
        except OSError as failed:
            error = failed
        for one in waiting:
            if one.done():
                continue
            if error is None:
                one.set_result(None)
            else:
                one.set_exception(error)
