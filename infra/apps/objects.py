"""The objects that run a workload: pure functions, which `application` creates from."""

from typing import cast

from pulumi_kubernetes import apps, autoscaling, batch, core, meta, policy

from infra.apps import pod
from infra.apps.workload import Workload, selector


def deployment(workload: Workload, replicas: int) -> apps.v1.DeploymentSpecArgs:
    """A server that is replaced without a gap, or, where there must never be two, after the old one is gone."""
    strategy = (
        apps.v1.DeploymentStrategyArgs(type="Recreate")
        if workload.claims or workload.alone
        else apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
        )
    )
    return apps.v1.DeploymentSpecArgs(
        replicas=replicas,
        revision_history_limit=3,
        strategy=strategy,
        selector=meta.v1.LabelSelectorArgs(match_labels=selector(workload)),
        template=pod.template(workload),
    )


def stateful_set(workload: Workload) -> apps.v1.StatefulSetSpecArgs:
    """One server; a StatefulSet never has two on one volume."""
    return apps.v1.StatefulSetSpecArgs(
        replicas=1,
        service_name=workload.name,
        selector=meta.v1.LabelSelectorArgs(match_labels=selector(workload)),
        template=pod.template(workload),
    )


def daemon_set(workload: Workload) -> apps.v1.DaemonSetSpecArgs:
    """One pod on each node, whatever the node is kept for."""
    template = pod.template(workload)
    spec = cast("core.v1.PodSpecArgs", template.spec)
    spec.topology_spread_constraints, spec.affinity = None, None
    spec.tolerations = [core.v1.TolerationArgs(operator="Exists")]
    return apps.v1.DaemonSetSpecArgs(
        revision_history_limit=3,
        update_strategy=apps.v1.DaemonSetUpdateStrategyArgs(type="RollingUpdate"),
        selector=meta.v1.LabelSelectorArgs(match_labels=selector(workload)),
        template=template,
    )


def job(workload: Workload, *, minutes: int, retries: int = 4) -> batch.v1.JobSpecArgs:
    """A task that is repeated until it succeeds; after ``minutes`` it has failed."""
    return batch.v1.JobSpecArgs(
        active_deadline_seconds=minutes * 60,
        backoff_limit=retries,
        template=pod.template(workload, restart="OnFailure"),
    )


def disruption_budget(workload: Workload) -> policy.v1.PodDisruptionBudgetSpecArgs:
    """One copy at a time may be moved to another node."""
    return policy.v1.PodDisruptionBudgetSpecArgs(
        max_unavailable=1, selector=meta.v1.LabelSelectorArgs(match_labels=selector(workload))
    )


def autoscaler(
    workload: Workload, least: int, most: int, *, api_version: str, kind: str
) -> autoscaling.v2.HorizontalPodAutoscalerSpecArgs:
    """Between ``least`` and ``most`` copies, by CPU; it goes down slowly, so that a short pause costs no cold start.

    Args:
        api_version: Of what makes the workload's pods.
        kind: Of the same.
    """
    return autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
        scale_target_ref=autoscaling.v2.CrossVersionObjectReferenceArgs(
            api_version=api_version, kind=kind, name=workload.name
        ),
        min_replicas=least,
        max_replicas=most,
        metrics=[
            autoscaling.v2.MetricSpecArgs(
                type="Resource",
                resource=autoscaling.v2.ResourceMetricSourceArgs(
                    name="cpu",
                    # Of the request, which is well below what a copy may use.
                    target=autoscaling.v2.MetricTargetArgs(type="Utilization", average_utilization=150),
                ),
            )
        ],
        behavior=autoscaling.v2.HorizontalPodAutoscalerBehaviorArgs(
            scale_down=autoscaling.v2.HPAScalingRulesArgs(stabilization_window_seconds=600)
        ),
    )


def service(workload: Workload, *, headless: bool = False) -> core.v1.ServiceSpecArgs:
    """Its ports under one name inside the cluster; ``headless`` gives the pod's own address."""
    return core.v1.ServiceSpecArgs(
        type="ClusterIP",
        cluster_ip="None" if headless else None,
        selector=selector(workload),
        ports=[
            core.v1.ServicePortArgs(name=name, port=port, target_port=name) for name, port in workload.ports.items()
        ],
    )
