"""The default kind of disk on the cluster."""

import pulumi
from pulumi_kubernetes import meta, storage

NAME = "gp3"


def default_storage_class(key: pulumi.Input[str], opts: pulumi.ResourceOptions) -> storage.v1.StorageClass:
    """Encrypted gp3 volumes, made where the pod runs. EKS has had no default since 1.30: volumes would hang.

    Args:
        key: ARN of the KMS key that they are encrypted with.
    """
    return storage.v1.StorageClass(
        "storage-class",
        metadata=meta.v1.ObjectMetaArgs(name=NAME, annotations={"storageclass.kubernetes.io/is-default-class": "true"}),
        provisioner="ebs.csi.aws.com",
        parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": key},
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        reclaim_policy="Delete",
        opts=opts,
    )
