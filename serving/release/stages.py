"""The way of a challenger: in shadow, then for a growing share of the requests, then champion."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One step of a release.

    Attributes:
        name: For people.
        percent: Share of the requests that the challenger answers; None where it predicts for the log alone.
    """

    name: str
    percent: int | None

    def traffic(self, champion: str, challenger: str) -> dict[str, Any]:
        """The stack's setting ``traffic`` for this stage, as ``serving.traffic.Traffic`` reads it."""
        setting: dict[str, Any] = {"champion": champion, "challenger": challenger}
        if self.percent is None:
            return {**setting, "mode": "shadow"}
        return {**setting, "mode": "canary", "percent": self.percent}


STAGES = (Stage("shadow", None), *(Stage(f"canary {percent} %", percent) for percent in (5, 25, 50)))
