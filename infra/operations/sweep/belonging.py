"""Whose a resource is, by the tags of Pulumi, EKS, Karpenter and the controllers in a cluster."""

from collections.abc import Mapping

from infra.operations.stack import Stack


def belongs(tags: Mapping[str, str], stack: Stack) -> bool:
    """Whether the tags name this stack or its cluster.

    A tag without the cluster's name, such as the EBS driver's ``ebs.csi.aws.com/cluster: true``, names nobody.
    """
    cluster = stack.prefix
    if tags.get("project") == stack.tags["project"] and tags.get("stack") == stack.name:
        return True
    if tags.get(f"kubernetes.io/cluster/{cluster}") == "owned":
        return True
    named = (
        "aws:eks:cluster-name",
        "ebs.csi.aws.com/cluster",
        "eks:cluster-name",
        "eks:eks-cluster-name",
        "elbv2.k8s.aws/cluster",
        "KubernetesCluster",
    )
    if any(tags.get(key) == cluster for key in named):
        return True
    # The secret in which RDS keeps a master password.
    database = tags.get("aws:rds:primaryDBInstanceArn", "")
    return ":db:" in database and database.split(":db:")[1].startswith(f"{cluster}-")


def is_named_for(name: str, stack: Stack) -> bool:
    """Whether a name is one that the stack gives, or AWS in its name, where AWS makes things without tags."""
    prefix = stack.prefix
    return name.startswith(
        (
            f"{prefix}-",
            f"{prefix}/",
            f"keelson/{stack.name}/",
            f"/aws/eks/{prefix}/",
            f"/aws/containerinsights/{prefix}/",
            f"/aws/rds/instance/{prefix}-",
            f"alias/{prefix}-",
        )
    )
