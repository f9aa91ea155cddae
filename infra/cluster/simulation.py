"""Nodes and pods that are objects alone: kwok answers for the kubelets of nodes that carry its mark."""

from infra.cluster.control_plane import ADMINISTRATORS, Plan
from infra.local.program import Program

# A node with this annotation is kwok's.
MARK = {"kwok.x-k8s.io/node": "fake"}
TOOLS = ("kwok",)

# Files beside its program; see infra/tools/versions.toml.
_STAGES = ("node-initialize", "node-heartbeat", "pod-ready", "pod-complete", "pod-delete")


def programs(plan: Plan) -> list[Program]:
    """kwok: it keeps marked nodes ready, and takes the pods on them through their lives."""
    ((key, value),) = MARK.items()
    here = f"127.0.0.1:{plan.record.ports.kwok}"
    flags: dict[str, object] = {
        "kubeconfig": plan.file("kwok.kubeconfig"),
        "config": ",".join(str(plan.tools["kwok"].with_name(stage)) for stage in _STAGES),
        "manage-all-nodes": "false",
        "manage-nodes-with-annotation-selector": f"{key}={value}",
        "server-address": here,
    }
    files = {"kwok.kubeconfig": plan.user("kwok", ADMINISTRATORS)}
    return [plan.program("kwok", flags, files, {"http": [f"http://{here}/healthz"]})]
