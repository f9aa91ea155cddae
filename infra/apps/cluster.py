"""The cluster layer: everything that runs on Kubernetes, in the order in which its parts need each other."""

from collections.abc import Mapping, Sequence

import pulumi

from infra.apps import boundaries
from infra.apps.cloud_workloads import CloudWorkloads
from infra.apps.foundation import CloudFoundation
from infra.apps.kubeflow.pipelines import KubeflowPipelines
from infra.apps.logs import Logs
from infra.apps.observability import Observability
from infra.apps.operators import Operators
from infra.settings.cloud import CloudSettings


class ClusterLayer(pulumi.ComponentResource):
    """Boundaries, operators, logs, monitoring, Kubeflow Pipelines, and the project's own workloads.

    Attributes:
        values: The platform contract's settings, by output name.
    """

    values: Mapping[str, pulumi.Input[str]]

    def __init__(
        self,
        name: str,
        *,
        foundation: CloudFoundation,
        settings: CloudSettings,
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``needs``: nodes, and the add-ons that pods cannot start without."""
        super().__init__("keelson:apps:ClusterLayer", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self, providers=[foundation.provider])
        # Objects without pods: they need no node, only somebody who is let in.
        walls = boundaries.of_cloud(foundation, settings, inside)
        # No pod starts in a namespace before its walls stand.
        ready = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[*needs, walls]))
        operators = Operators("operators", foundation, settings, opts=ready)
        settled = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[operators]))
        Logs("logs", foundation, settings, opts=settled)
        workloads = CloudWorkloads("workloads", foundation, settings, needs=[operators], opts=inside)
        # Grafana's password is among what the bootstrap of the databases makes.
        after = pulumi.ResourceOptions.merge(
            inside, pulumi.ResourceOptions(depends_on=[operators, workloads.databases])
        )
        Observability("observability", foundation, settings, opts=after)
        KubeflowPipelines("kubeflow", foundation, settings, needs=[operators, workloads.databases], opts=inside)
        self.values = workloads.values
        self.register_outputs({})
