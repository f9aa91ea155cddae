"""The bundle's autoscaler is told what the bundle uses."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

AUTOSCALER = ("autoscaling/v2", "HorizontalPodAutoscaler", "serving", "serving")


def test_the_autoscaler_decides_by_what_the_bundle_uses(serving: Any, eventually: Callable[..., Any]) -> None:
    def active() -> Any:
        status = serving.api.get(*AUTOSCALER)["status"]
        found = {one["type"]: one["status"] for one in status.get("conditions") or []}
        return found.get("ScalingActive") == "True" and status

    # Its controller looks every quarter of a minute, and a new pod's use is known some time later.
    status = eventually(active, 180)
    (metric,) = status["currentMetrics"]
    assert metric["resource"]["name"] == "cpu"
    assert metric["resource"]["current"]["averageUtilization"] > 0
    assert status["desiredReplicas"] == serving.copies
