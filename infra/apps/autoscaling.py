"""Nodes on demand: Karpenter, and the pools that it may start machines for.

A pool's limit and its machines' lifetime are the stack's budget: no pod, whatever it asks for, gets past them.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes import apiextensions, meta

from infra.apps.charts import CONTAINER_SECURITY, POD_SECURITY, chart, repository_and_tag, resources
from infra.apps.foundation import CloudFoundation
from infra.settings.cloud import CloudSettings
from infra.versions import versions

# The value that NVIDIA's own charts tolerate; users tolerate the key whatever its value.
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
GPU_LABELS = {"keelson.dev/pool": "gpu", "nvidia.com/gpu.present": "true"}
CPU_LABELS = {"keelson.dev/pool": "cpu"}
# What is there all the time stays on the system's nodes as long as these have room: a worker may be a spot machine, and
# does not go before it is empty. Steps tolerate it.
CPU_TAINT = {"key": "keelson.dev/pool", "value": "cpu", "effect": "PreferNoSchedule"}

_GROUP = "karpenter.k8s.aws"
# Idle nodes go after this; a GPU idles for at most ten minutes.
_EMPTY_AFTER = "5m"
# Pipeline pods pull images of about 1 GB and write tables.
_DISK = "100Gi"


def karpenter_values(foundation: CloudFoundation, settings: CloudSettings) -> dict[str, Any]:
    """Values of the chart: two copies where the stack has more than one of anything."""
    return {
        "replicas": min(settings.replicas, 2),
        "serviceAccount": {"create": True, "name": "karpenter"},
        "settings": {
            "clusterName": foundation.cluster_name,
            "clusterEndpoint": foundation.cluster_endpoint,
            "interruptionQueue": foundation.interruption_queue,
        },
        "podSecurityContext": {**POD_SECURITY, "fsGroup": 65532},
        "controller": {
            "image": {**repository_and_tag("karpenter", "controller", settings), "digest": None},
            "resources": resources(cpu=100, memory=256, limit=1024),
            "securityContext": dict(CONTAINER_SECURITY),
        },
    }


def node_class(foundation: CloudFoundation, settings: CloudSettings) -> dict[str, Any]:
    """Specification of the machines: image, disks, credentials, where they stand."""
    discovery: list[Mapping[str, Any]] = [{"tags": {"karpenter.sh/discovery": f"keelson-{settings.stack}"}}]
    return {
        # The alias chooses NVIDIA's variant by itself for machines with a GPU.
        "amiSelectorTerms": [{"alias": versions().ami.karpenter}],
        "role": foundation.node_role,
        "subnetSelectorTerms": discovery,
        "securityGroupSelectorTerms": discovery,
        # One hop: containers do not reach the node's own credentials.
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
            "httpProtocolIPv6": "disabled",
        },
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {
                    "volumeSize": _DISK,
                    "volumeType": "gp3",
                    "encrypted": True,
                    "kmsKeyID": foundation.disk_key,
                    "deleteOnTermination": True,
                },
            }
        ],
        "tags": {"project": "keelson", "stack": settings.stack, "managed-by": "karpenter"},
    }


def cpu_pool(settings: CloudSettings) -> dict[str, Any]:
    """Specification of the pool for pipeline steps and Ray workers."""
    return _pool(
        labels=CPU_LABELS,
        taints=[CPU_TAINT],
        requirements={
            "karpenter.sh/capacity-type": _capacity(settings.workers.spot),
            "kubernetes.io/arch": ["amd64"],
            "karpenter.k8s.aws/instance-category": ["c", "m", "r"],
        }
        | {"karpenter.k8s.aws/instance-size": ["large", "xlarge", "2xlarge", "4xlarge"]},
        limits={"cpu": str(settings.workers.cpu_limit)},
        # A week: long enough for any step, short enough that patches arrive.
        hours=168,
        disruption={"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": _EMPTY_AFTER},
    )


def gpu_pool(settings: CloudSettings) -> dict[str, Any]:
    """Specification of the pool of GPU machines: tainted, limited, and ended after ``gpu.hours``."""
    return _pool(
        labels=GPU_LABELS,
        taints=[GPU_TAINT],
        requirements={
            "karpenter.sh/capacity-type": _capacity(settings.gpu.spot),
            "kubernetes.io/arch": ["amd64"],
            "node.kubernetes.io/instance-type": list(settings.gpu.instance_types),
        },
        limits={"nvidia.com/gpu": str(settings.gpu.limit)},
        hours=settings.gpu.hours,
        # Training is not moved to save money: a machine goes when it is empty, or at the end of its time.
        disruption={"consolidationPolicy": "WhenEmpty", "consolidateAfter": _EMPTY_AFTER},
    )


def _capacity(spot: bool) -> list[str]:
    # Karpenter takes the cheapest that there is: spot first, on-demand where there is none.
    return ["spot", "on-demand"] if spot else ["on-demand"]


def _pool(
    *,
    labels: Mapping[str, str],
    taints: list[dict[str, str]],
    requirements: Mapping[str, list[str]],
    limits: Mapping[str, str],
    hours: int,
    disruption: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "template": {
            "metadata": {"labels": dict(labels)},
            "spec": {
                "nodeClassRef": {"group": _GROUP, "kind": "EC2NodeClass", "name": "default"},
                "requirements": [
                    {"key": key, "operator": "In", "values": values} for key, values in sorted(requirements.items())
                ],
                "taints": taints,
                "expireAfter": f"{hours}h",
                # A pod that ignores its end does not keep a machine that is paid for.
                "terminationGracePeriod": "1h",
            },
        },
        "limits": dict(limits),
        "disruption": {**disruption, "budgets": [{"nodes": "1"}]},
    }


class Autoscaling(pulumi.ComponentResource):
    """Karpenter, its machines' class, and the pools ``cpu`` and ``gpu``."""

    def __init__(
        self,
        name: str,
        foundation: CloudFoundation,
        settings: CloudSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Autoscaling", name, None, opts)
        definitions = chart("karpenter-crd", {}, opts=pulumi.ResourceOptions(parent=self))
        controller = chart(
            "karpenter",
            karpenter_values(foundation, settings),
            skip_crds=True,
            # The controller watches kinds that its own chart does not keep up to date.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[definitions]),
        )
        # Karpenter must still be there when its pools go, or their machines stay.
        after = pulumi.ResourceOptions(parent=self, depends_on=[controller])
        machines = apiextensions.CustomResource(
            f"{name}-node-class",
            api_version=f"{_GROUP}/v1",
            kind="EC2NodeClass",
            metadata=meta.v1.ObjectMetaArgs(name="default"),
            spec=node_class(foundation, settings),
            opts=after,
        )
        for pool, spec in (("cpu", cpu_pool(settings)), ("gpu", gpu_pool(settings))):
            apiextensions.CustomResource(
                f"{name}-{pool}-pool",
                api_version="karpenter.sh/v1",
                kind="NodePool",
                metadata=meta.v1.ObjectMetaArgs(name=pool),
                spec=spec,
                # A class that pools still use cannot go.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[controller, machines]),
            )
        self.register_outputs({})
