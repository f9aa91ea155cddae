"""The default kind of disk on the cluster."""

import pulumi
from pulumi_kubernetes import meta, storage

NAME = "gp3"


def default_storage_class(
    cluster: pulumi.Input[str], key: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> storage.v1.StorageClass:
    """Encrypted gp3 volumes, made where the pod runs. EKS has had no default since 1.30: volumes would hang.

    Args:
        cluster: Name of the cluster, by which the sweep after a teardown finds disks that stayed.
        key: ARN of the KMS key that they are encrypted with.
    """
    return storage.v1.StorageClass(
        "storage-class",
        metadata=meta.v1.ObjectMetaArgs(name=NAME, annotations={"storageclass.kubernetes.io/is-default-class": "true"}),
        provisioner="ebs.csi.aws.com",
        parameters={
            "type": "gp3",
            "encrypted": "true",
            "kmsKeyId": key,
            # The driver's own tag says that it made a disk, not for which cluster.
            "tagSpecification_1": pulumi.Output.concat("KubernetesCluster=", cluster),
        },
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        reclaim_policy="Delete",
        opts=opts,
    )
