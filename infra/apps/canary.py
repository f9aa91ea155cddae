"""A server whose new version is tried on some of the callers first: a Rollout instead of a Deployment.

The share of callers is the share of pods: callers come from inside the cluster through the Service, and no load
balancer, which could weigh them, reaches this server in any stack.
"""

from typing import Any

import pulumi
from pulumi_kubernetes import apiextensions, autoscaling

from infra.apps import canary_analysis, objects, pod
from infra.apps import workload as described
from infra.apps.application import around_pods
from infra.apps.workload import Workload, selector

API, KIND = "argoproj.io/v1alpha1", "Rollout"
# Percent of the pods, to the nearest whole pod and at least one.
WEIGHTS = (25, 50)
# A node that starts and an image that is pulled take some of it.
_SECONDS_TO_BE_READY = 600
# Pulumi knows nothing of this kind. Without it an `up` would end before the first bundle answers; a later one ends at
# once, as the bundle before it stays available.
_WAIT = {"pulumi.com/waitFor": "condition=Available"}


def specification(workload: Workload, replicas: int | None) -> dict[str, Any]:
    """Specification of the Rollout: no pod goes before another one is ready, and each share is analysed.

    Args:
        replicas: Copies; ``None`` where an autoscaler decides.
    """
    copies = {} if replicas is None else {"replicas": replicas}
    return {
        **copies,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": _SECONDS_TO_BE_READY,
        # A bundle that does not start is taken back, rather than left half-way.
        "progressDeadlineAbort": True,
        "selector": {"matchLabels": selector(workload)},
        "template": pod.template(workload),
        "strategy": {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": _steps()}},
    }


def _steps() -> list[dict[str, Any]]:
    # The pause lets pods that were taken away finish, so that the analysis sees the share that it is about.
    return [
        step
        for weight in WEIGHTS
        for step in ({"setWeight": weight}, {"pause": {"duration": "1m"}}, canary_analysis.step())
    ]


class CanaryServer(pulumi.ComponentResource):
    """Service account, Rollout, its analysis, and Service of a workload; with several copies also a disruption budget,
    and where ``most`` is given an autoscaler between ``replicas`` and ``most`` copies."""

    def __init__(
        self,
        name: str,
        workload: Workload,
        *,
        replicas: int,
        most: int | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:CanaryServer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        workload = described.excused(workload, replicas)
        around_pods(name, workload, replicas, child)
        analysis = apiextensions.CustomResource(
            f"{name}-analysis",
            api_version=API,
            kind="AnalysisTemplate",
            metadata=described.metadata(workload, canary_analysis.TEMPLATE),
            spec=canary_analysis.specification(workload.namespace),
            opts=child,
        )
        apiextensions.CustomResource(
            f"{name}-rollout",
            api_version=API,
            kind=KIND,
            metadata=described.metadata(workload, makes_pods=True, annotations=_WAIT),
            spec=specification(workload, replicas if most is None else None),
            # The steps only spell out the template's name, and a Rollout without it is refused.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[analysis]),
        )
        if most is not None:
            autoscaling.v2.HorizontalPodAutoscaler(
                f"{name}-autoscaler",
                metadata=described.metadata(workload),
                spec=objects.autoscaler(workload, replicas, most, api_version=API, kind=KIND),
                opts=child,
            )
        self.register_outputs({})
