"""The way of a challenger: in shadow, then for a growing share of the requests, then champion."""

from dataclasses import dataclass
from typing import Any

from serving.traffic import Mode


@dataclass(frozen=True)
class Stage:
    """One step of a release.

    Attributes:
        name: For people.
        percent: Share of the requests that the challenger answers; None where it predicts for the log alone.
    """

    name: str
    percent: int | None

    def setting(self) -> dict[str, Any]:
        """``mode`` and ``percent`` of the stack's setting ``traffic``, as ``serving.traffic.Traffic`` reads them."""
        if self.percent is None:
            return {"mode": Mode.SHADOW}
        return {"mode": Mode.CANARY, "percent": self.percent}


STAGES = (Stage("shadow", None), *(Stage(f"canary {percent} %", percent) for percent in (5, 25, 50)))
