"""Pools of nodes are limited, end by themselves, and a GPU pod really finds a node."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra import settings
from infra.apps import accelerators
from infra.apps.autoscaling import GPU_LABELS, cpu_pool, gpu_pool
from infra.settings import CloudSettings


def stack(**config: Any) -> CloudSettings:
    loaded = settings.load("dev", "keelson", {f"keelson:{key}": json.dumps(value) for key, value in config.items()})
    assert isinstance(loaded, CloudSettings)
    return loaded


def minutes(duration: str) -> float:
    return float(duration[:-1]) * {"m": 1, "h": 60}[duration[-1]]


def requirement(pool: Mapping[str, Any], key: str) -> list[str]:
    (found,) = [one["values"] for one in pool["template"]["spec"]["requirements"] if one["key"] == key]
    return found


@given(limit=st.integers(1, 64), hours=st.integers(1, 72))
def test_a_gpu_pool_never_grows_past_its_limit_nor_a_machine_past_its_time(limit: int, hours: int) -> None:
    pool = gpu_pool(stack(gpu={"limit": limit, "hours": hours}))
    assert pool["limits"] == {"nvidia.com/gpu": str(limit)}
    assert pool["template"]["spec"]["expireAfter"] == f"{hours}h"


def test_an_empty_gpu_machine_goes_within_ten_minutes() -> None:
    disruption = gpu_pool(stack())["disruption"]
    assert disruption["consolidationPolicy"] == "WhenEmpty"
    assert minutes(disruption["consolidateAfter"]) <= 10


def test_only_pods_that_ask_for_a_gpu_land_on_a_gpu_machine() -> None:
    (taint,) = gpu_pool(stack())["template"]["spec"]["taints"]
    assert (taint["key"], taint["effect"]) == ("nvidia.com/gpu", "NoSchedule")


def test_the_device_plugin_and_the_exporter_are_admitted_to_the_machines_that_the_pool_makes() -> None:
    pool = gpu_pool(stack())
    (taint,) = pool["template"]["spec"]["taints"]
    labels = pool["template"]["metadata"]["labels"]
    for values in (accelerators.device_plugin(stack()), accelerators.metrics_exporter(stack())):
        assert values["nodeSelector"].items() <= labels.items()
        (toleration,) = values["tolerations"]
        assert (toleration["key"], toleration["operator"]) == (taint["key"], "Exists")


def test_the_plugins_own_chart_demands_the_label_that_the_pool_sets() -> None:
    # NVIDIA's chart 0.20.0 schedules its pods by this label where nothing discovers devices.
    assert GPU_LABELS["nvidia.com/gpu.present"] == "true"


def test_spot_falls_back_to_on_demand_and_is_never_used_where_it_is_not_wanted() -> None:
    key = "karpenter.sh/capacity-type"
    assert requirement(gpu_pool(stack(gpu={"spot": True})), key) == ["spot", "on-demand"]
    assert requirement(gpu_pool(stack(gpu={"spot": False})), key) == ["on-demand"]
    assert requirement(cpu_pool(stack(workers={"spot": False})), key) == ["on-demand"]


def test_only_the_settings_gpu_types_are_started() -> None:
    pool = gpu_pool(stack(gpu={"instance-types": ["g6.xlarge"]}))
    assert requirement(pool, "node.kubernetes.io/instance-type") == ["g6.xlarge"]


def test_cpu_workers_end_when_they_are_not_needed_and_never_outgrow_their_limit() -> None:
    pool = cpu_pool(stack(workers={"cpu-limit": 16}))
    assert pool["limits"] == {"cpu": "16"}
    assert pool["disruption"]["consolidationPolicy"] == "WhenEmptyOrUnderutilized"
    # Not a hard one: where the system's nodes are full, whatever waits may run on a worker.
    assert {taint["effect"] for taint in pool["template"]["spec"]["taints"]} == {"PreferNoSchedule"}
