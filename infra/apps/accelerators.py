"""GPUs on the cluster: what makes a machine's GPU something that a pod can ask for, and what measures it.

The AL2023 image for NVIDIA brings driver and container toolkit but no device plugin. The plugin's chart wants a label
that Karpenter puts on the node from the start, and must tolerate the pool's taint: otherwise it is never scheduled,
the node never becomes ready, and no message says why.
"""

from typing import Any

from infra.apps.autoscaling import GPU_LABELS, GPU_TAINT
from infra.apps.charts import repository_and_tag, resources
from infra.settings.cloud import CloudSettings

TOLERATION = {"key": GPU_TAINT["key"], "operator": "Exists", "effect": GPU_TAINT["effect"]}
_ON_GPU_NODES: dict[str, Any] = {"nodeSelector": dict(GPU_LABELS), "tolerations": [TOLERATION]}


def device_plugin(settings: CloudSettings) -> dict[str, Any]:
    """Values of NVIDIA's device plugin, on GPU nodes alone."""
    return {
        "image": repository_and_tag("nvidia-device-plugin", "plugin", settings),
        **_ON_GPU_NODES,
        # A machine whose GPU does not start up is a fault to see, not a node without GPUs.
        "failOnInitError": True,
        "priorityClassName": "system-node-critical",
        "resources": resources(cpu=10, memory=64, limit=128),
    }


def metrics_exporter(settings: CloudSettings) -> dict[str, Any]:
    """Values of NVIDIA's DCGM exporter, on GPU nodes alone."""
    return {
        "image": repository_and_tag("dcgm-exporter", "exporter", settings),
        **_ON_GPU_NODES,
        "priorityClassName": "system-node-critical",
        # Prometheus finds it by a monitor of ours, which comes when the definitions are there.
        "serviceMonitor": {"enabled": False},
        "resources": resources(cpu=50, memory=256, limit=512),
    }
