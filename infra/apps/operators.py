"""The operators of the cluster, in the order in which they need each other."""

import pulumi

from infra.apps import accelerators, controllers
from infra.apps.autoscaling import Autoscaling
from infra.apps.charts import chart
from infra.apps.foundation import CloudFoundation
from infra.apps.secrets import secret_store
from infra.apps.storage_classes import default_storage_class
from infra.settings.cloud import CloudSettings


class Operators(pulumi.ComponentResource):
    """Disks, nodes, certificates, secrets, roll-outs, Ray, GPUs and, where there are public pages, load balancers."""

    def __init__(
        self,
        name: str,
        foundation: CloudFoundation,
        settings: CloudSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Operators", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        default_storage_class(foundation.cluster_name, foundation.disk_key, child)
        Autoscaling("autoscaling", foundation, settings, child)
        chart("cert-manager", controllers.cert_manager(settings), opts=child)
        secrets = chart("external-secrets", controllers.external_secrets(settings), opts=child)
        # The store is of a kind that the chart brings.
        secret_store("secret-store", foundation.region, pulumi.ResourceOptions(parent=self, depends_on=[secrets]))
        chart("argo-rollouts", controllers.argo_rollouts(settings), opts=child)
        chart("kuberay-operator", controllers.kuberay(settings), opts=child)
        chart("nvidia-device-plugin", accelerators.device_plugin(settings), opts=child)
        chart("dcgm-exporter", accelerators.metrics_exporter(settings), opts=child)
        if settings.sign_in is not None:
            chart("aws-load-balancer-controller", controllers.load_balancer(foundation, settings), opts=child)
        self.register_outputs({})
