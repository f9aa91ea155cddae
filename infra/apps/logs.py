"""One store for the logs of all pods: Loki over the logs bucket, and a collector on each node."""

import json

import pulumi
from pulumi_kubernetes import apps, core, meta

from infra.apps import objects
from infra.apps import workload as described
from infra.apps.application import Server, digest, digest_of, service_account, volume_claim
from infra.apps.contract import address
from infra.apps.foundation import CloudFoundation
from infra.apps.images import prefixed
from infra.apps.priority import CRITICAL
from infra.apps.workload import Check, Probes, Size, Workload
from infra.observability import logs as configured
from infra.settings.cloud import CloudSettings
from infra.versions import versions

NAMESPACE, COLLECTORS = "monitoring", "logging"
STORE, COLLECTOR = "loki", "log-collector"
PREFIX = "pods"
_GIB = 10
_FILE = "config.yaml"
_OFFSETS_ON_NODE = "/var/lib/keelson-log-collector"
_STORE_CONFIG, _COLLECTOR_CONFIG = "/etc/loki", "/etc/otelcol"


def store_url() -> str:
    """Address of the store inside the cluster."""
    return address(STORE, NAMESPACE, configured.STORE_PORT)


def store(image: pulumi.Input[str], configuration: pulumi.Input[str]) -> Workload:
    """Loki as one process."""
    return Workload(
        namespace=NAMESPACE,
        name=STORE,
        component="logs",
        image=image,
        command=["/usr/bin/loki"],
        arguments=[f"-config.file={_STORE_CONFIG}/{_FILE}"],
        size=Size(cpu=30, memory=256, memory_limit=1024, burst=30),
        ports={"http": configured.STORE_PORT},
        probes=Probes(
            alive=Check(port="http", path="/loki/api/v1/status/buildinfo"), ready=Check(port="http", path="/ready")
        ),
        config_files={_STORE_CONFIG: STORE},
        claims={configured.STORE_FOLDER: STORE},
        # It writes what it has in memory to the bucket.
        grace_seconds=120,
        digest=configuration,
    )


def collector(image: pulumi.Input[str], configuration: str) -> Workload:
    """The collector of a node."""
    return Workload(
        namespace=COLLECTORS,
        name=COLLECTOR,
        component="logs",
        image=image,
        command=["/otelcol-k8s"],
        arguments=[f"--config={_COLLECTOR_CONFIG}/{_FILE}"],
        priority=CRITICAL,
        size=Size(cpu=10, memory=64, memory_limit=192, burst=50),
        ports={"health": configured.HEALTH_PORT, "metrics": configured.METRICS_PORT},
        probes=Probes(alive=Check(port="health", path="/"), ready=Check(port="metrics")),
        config_files={_COLLECTOR_CONFIG: COLLECTOR},
        node_files={configured.POD_LOGS: configured.POD_LOGS},
        # A pod that takes this one's place reads on where it was.
        kept_on_node={configured.OFFSETS_FOLDER: _OFFSETS_ON_NODE},
        # The kubelet lets root alone read logs; it has none of root's capabilities.
        user=0,
        digest=configuration,
        exceptions=_READS_THE_NODE,
    )


_READS_THE_NODE = {
    "checkov/CKV_K8S_40": "root alone may read the logs of a node's pods; it has no capability",
    "checkov/CKV_K8S_23": "root alone may read the logs of a node's pods; it has no capability",
    "kube-score/container-security-context-user-group-id": "root alone may read the logs of a node's pods",
}


class Logs(pulumi.ComponentResource):
    """The store, and its collectors."""

    def __init__(
        self,
        name: str,
        foundation: CloudFoundation,
        settings: CloudSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Logs", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        bucket = {
            "bucket_name": foundation.buckets.logs,
            "region": foundation.region,
            "endpoint": pulumi.Output.concat("s3.", foundation.region, ".amazonaws.com"),
            # Pod Identity's credentials.
            "native_aws_auth_enabled": True,
            # A client that asks for these addresses leaves the VPC's own endpoint.
            "dualstack_enabled": False,
        }
        written = pulumi.Output.json_dumps(configured.store(bucket, prefix=PREFIX, days=settings.network.flow_log_days))
        self._configure(f"{name}-store", NAMESPACE, STORE, written)
        volume_claim(f"{name}-store-volume", namespace=NAMESPACE, name=STORE, gib=_GIB, opts=self._child)
        image = prefixed(versions().images["loki"], settings)
        server = store(image, digest_of({_FILE: written}))
        # One process owns the index that is not yet in the bucket.
        Server(f"{name}-store", server, replicas=1, opts=self._child)
        self._collectors(name, settings)
        self.register_outputs({})

    def _collectors(self, name: str, settings: CloudSettings) -> None:
        own = f"{COLLECTORS}_{COLLECTOR}-*"
        written = json.dumps(configured.collector(store_url(), own=own))
        self._configure(f"{name}-collector", COLLECTORS, COLLECTOR, written)
        image = prefixed(versions().images["otel-collector"], settings)
        workload = described.excused(collector(image, digest(written)))
        service_account(f"{name}-collector-account", workload, self._child)
        apps.v1.DaemonSet(
            f"{name}-collector",
            metadata=described.metadata(workload, makes_pods=True),
            spec=objects.daemon_set(workload),
            opts=self._child,
        )

    def _configure(self, title: str, namespace: str, name: str, written: pulumi.Input[str]) -> None:
        core.v1.ConfigMap(
            f"{title}-configuration",
            metadata=meta.v1.ObjectMetaArgs(name=name, namespace=namespace),
            data={_FILE: written},
            opts=self._child,
        )
