"""Every prediction with what it was made from, as lines of JSON in a folder.

A line is handed to the operating system by one ``write`` before the caller has its answer: a process that is killed
right after has lost none that it answered, and a reader never sees half a line but at the end of a file. Each worker
writes files of its own. A caller's routing key is not kept.
"""

import os
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import to_json

from components import contract

# A file that has grown to this is followed by another, so that a reader can be done with it.
SEGMENT_BYTES = 64 * 2**20
SUFFIX = ".jsonl"


class PredictionLog:
    """Appends predictions to files of its own; use as a context manager.

    Args:
        folder: Made if missing, for its owner alone.
        bundle: Tag of the bundle, noted in each line.
    """

    def __init__(self, folder: Path, bundle: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._bundle = folder, bundle
        self._descriptor, self._written = -1, 0

    def __enter__(self) -> "PredictionLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def write(
        self,
        *,
        request_id: str,
        variant: str,
        role: str,
        model_version: str,
        trips: Sequence[Mapping[str, Any]],
        features: np.ndarray,
        seconds: Sequence[float],
        milliseconds: float,
        degraded: bool,
    ) -> None:
        """Append one line for each prediction.

        Args:
            request_id: With the trip's place in the request and the role, what a line is known by.
            variant: ``champion`` or ``challenger``.
            role: ``answer``, or ``shadow`` where the caller was told another's prediction.
            model_version: Of the registry.
            trips: As the caller sent them, n of them.
            features: The model's input, float64 [n, len(MODEL_FEATURES)], which is also their order in the line; NaN is
                missing and written as null.
            seconds: Predictions, n of them.
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
        lines = bytearray()
        for index, (trip, row, predicted) in enumerate(zip(trips, features.tolist(), seconds, strict=True)):
            line = {
                **shared,
                "index": index,
                "trip": trip,
                "features": row,
                contract.TARGET: predicted,
            }
            lines += to_json(line, inf_nan_mode="null")
            lines += b"\n"
        self._append(lines)

    def _append(self, lines: bytearray) -> None:
        if self._descriptor < 0 or self._written >= SEGMENT_BYTES:
            self.__exit__()
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex}{SUFFIX}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._descriptor, self._written = os.open(self._folder / name, flags, 0o600), 0
        left = memoryview(lines)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._written += len(lines)
