"""Where a resource stands: its path through the components, and the layer of the platform that it belongs to."""

from collections.abc import Mapping

from infra.render.recording import Recording, Resource

# In the order that they are built on each other.
LAYERS = ("network", "identity", "storage", "database", "cluster", "operations", "operators", "apps")

_AWS = {
    "budgets": "operations",
    "cloudwatch": "operations",
    "ebs": "storage",
    "ec2": "network",
    "ecr": "storage",
    "eks": "cluster",
    "iam": "identity",
    "kms": "identity",
    "lb": "network",
    "rds": "database",
    "route53": "network",
    "s3": "storage",
    "secretsmanager": "identity",
    "sns": "operations",
    "sqs": "operations",
    "vpc": "network",
}
_AWS_KINDS = {"LaunchTemplate": "cluster", "PodIdentityAssociation": "identity"}
_KUBERNETES_KINDS = {
    "Chart": "operators",
    "ClusterRole": "identity",
    "ClusterRoleBinding": "identity",
    "ClusterSecretStore": "identity",
    "Directory": "operators",
    "EC2NodeClass": "cluster",
    "ExternalSecret": "identity",
    "Ingress": "network",
    "LimitRange": "cluster",
    "Namespace": "cluster",
    "NetworkPolicy": "network",
    "NodePool": "cluster",
    "PersistentVolume": "storage",
    "PersistentVolumeClaim": "storage",
    "PodMonitor": "operations",
    "PriorityClass": "cluster",
    "PrometheusRule": "operations",
    "ResourceQuota": "cluster",
    "Role": "identity",
    "RoleBinding": "identity",
    "ServiceAccount": "identity",
    "ServiceMonitor": "operations",
    "StorageClass": "storage",
}


def layer(resource: Resource) -> str:
    """One of ``LAYERS``: an unlisted Kubernetes kind is an application's, an unlisted AWS service is operations."""
    if resource.package == "kubernetes":
        return _KUBERNETES_KINDS.get(resource.kind, "apps")
    if resource.package == "aws":
        service = resource.type.split(":")[1].split("/")[0]
        return _AWS_KINDS.get(resource.kind) or _AWS.get(service, "operations")
    return "operations"


def paths(recording: Recording) -> Mapping[str, str]:
    """For each URN the logical names from the outermost component down: ``cloud/network/network-vpc``."""
    known = {one.urn: one for one in recording.resources}

    def path(urn: str) -> str:
        parent = known[urn].parent
        return f"{path(parent)}/{known[urn].name}" if parent in known else known[urn].name

    return {urn: path(urn) for urn in known}
