"""What Prometheus scrapes besides the cluster itself: one table, each row one PodMonitor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.apps import canary_analysis
from infra.apps.foundation import CloudFoundation, Foundation


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """Pods with metrics.

    Attributes:
        port: Number of the port; names are the charts' own and change.
        pod_labels: Labels of the pods that their metrics carry too, with ``_`` for what Prometheus does not allow.
        interval: How often, where not as everywhere.
        cloud: Whether only a stack on AWS has such pods, in a namespace that every stack has.
    """

    name: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    port: int
    path: str = "/metrics"
    pod_labels: tuple[str, ...] = ()
    interval: str | None = None
    cloud: bool = False


def _application(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


MONITORS: tuple[Monitor, ...] = (
    Monitor(name="mlflow", namespace="mlflow", labels=_application("mlflow"), port=5000),
    Monitor(name="feast", namespace="feast", labels=_application("feast"), port=8000),
    Monitor(
        name="serving",
        namespace="serving",
        labels=_application("serving"),
        port=3000,
        pod_labels=(canary_analysis.POD_LABEL,),
        # The analysis of a roll-out looks at two minutes.
        interval="15s",
    ),
    Monitor(name="monitor", namespace="monitoring", labels=_application("monitor"), port=8080),
    Monitor(name="loki", namespace="monitoring", labels=_application("loki"), port=3100, cloud=True),
    Monitor(name="log-collector", namespace="logging", labels=_application("log-collector"), port=8888),
    Monitor(name="kubeflow-pipelines", namespace="kubeflow", labels={"app": "ml-pipeline"}, port=8888),
    Monitor(name="workflow-controller", namespace="kubeflow", labels={"app": "workflow-controller"}, port=9090),
    Monitor(
        name="scheduled-workflows", namespace="kubeflow", labels={"app": "ml-pipeline-scheduledworkflow"}, port=9090
    ),
    Monitor(name="karpenter", namespace="kube-system", labels=_application("karpenter"), port=8080),
    Monitor(name="external-secrets", namespace="external-secrets", labels=_application("external-secrets"), port=8080),
    Monitor(name="cert-manager", namespace="cert-manager", labels=_application("cert-manager"), port=9402),
    Monitor(name="argo-rollouts", namespace="argo-rollouts", labels=_application("argo-rollouts"), port=8090),
    Monitor(name="kuberay", namespace="kuberay", labels=_application("kuberay-operator"), port=8080),
    Monitor(name="dcgm-exporter", namespace="nvidia", labels=_application("dcgm-exporter"), port=9400),
)


def of_stack(foundation: Foundation) -> tuple[Monitor, ...]:
    """The monitors whose pods a stack has."""
    on_cloud = isinstance(foundation, CloudFoundation)
    return tuple(one for one in MONITORS if on_cloud or (one.namespace in foundation.namespaces and not one.cloud))


def pod_monitor(monitor: Monitor) -> dict[str, Any]:
    """Specification of the PodMonitor."""
    often = {} if monitor.interval is None else {"interval": monitor.interval}
    kept = {"podTargetLabels": list(monitor.pod_labels)} if monitor.pod_labels else {}
    return {
        **kept,
        "namespaceSelector": {"matchNames": [monitor.namespace]},
        "selector": {"matchLabels": dict(monitor.labels)},
        "podMetricsEndpoints": [{"portNumber": monitor.port, "path": monitor.path, **often}],
    }
