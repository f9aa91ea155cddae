"""What became of a new bundle on a cluster: Argo Rollouts tries it, and says so on the Rollout. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """Of a roll-out that has ended."""

    RELEASED = "released"
    ROLLED_BACK = "rolled back"


def verdict(rollout: Mapping[str, Any], bundle: str) -> Verdict | None:
    """How the roll-out of a bundle ended; None while it goes on, waits for somebody, or was not seen yet.

    Args:
        rollout: The object, as the API shows it.
        bundle: Tag of the bundle that is rolled out.
    """
    status = rollout.get("status") or {}
    seen = str(status.get("observedGeneration")) == str(rollout["metadata"]["generation"])
    image = rollout["spec"]["template"]["spec"]["containers"][0]["image"]
    if not seen or image.rpartition(":")[2] != bundle.partition(":")[2]:
        return None
    if status.get("abort") or status.get("phase") == "Degraded":
        return Verdict.ROLLED_BACK
    whole = status.get("stableRS") and status.get("stableRS") == status.get("currentPodHash")
    return Verdict.RELEASED if status.get("phase") == "Healthy" and whole else None


def reason(rollout: Mapping[str, Any]) -> str:
    """What Argo Rollouts says of it, in one line."""
    said = str((rollout.get("status") or {}).get("message") or "no more is said")
    return " ".join(said.split())
