"""The EKS control plane, its add-ons, and who may enter."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.apps.openings import SERVICES
from infra.apps.roles import CI, group
from infra.aws.naming import github_role
from infra.aws.policy import trusted_pod, trusted_service
from infra.aws.roles import Role
from infra.settings.cloud import CloudSettings
from infra.versions import Versions

# Of EKS's five logs, the two that answer "who did what" and "who got in"; the others are by far the largest.
_LOGS = ("audit", "authenticator")


def addon_values(addon: str, replicas: int) -> Mapping[str, Any]:
    """What an add-on is told besides its defaults; ``replicas`` is the stack's.

    A second copy on the only node of a small stack would take room and protect from nothing.
    """
    copies = min(replicas, 2)
    values: Mapping[str, Mapping[str, Any]] = {
        # Prefixes give a node room for 110 pods instead of 35; the policy agent enforces NetworkPolicy objects.
        "vpc-cni": {"enableNetworkPolicy": "true", "env": {"ENABLE_PREFIX_DELEGATION": "true"}},
        "coredns": {"replicaCount": copies},
        "aws-ebs-csi-driver": {"controller": {"replicaCount": copies}},
        "metrics-server": {"replicas": copies},
    }
    return values.get(addon, {})


class Cluster(pulumi.ComponentResource):
    """EKS in standard support, private, with access by entries alone.

    Attributes:
        name: Name of the cluster.
        arn: ARN of the cluster.
        endpoint: Address of the Kubernetes API.
        certificate: Certificate authority of the API, base64.
        security_group: Security group of control plane and nodes.
        before_nodes: Add-ons that nodes need to become ready.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    certificate: pulumi.Output[str]
    security_group: pulumi.Output[str]
    before_nodes: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        *,
        settings: CloudSettings,
        versions: Versions,
        account_id: pulumi.Input[str],
        subnet_ids: Sequence[pulumi.Input[str]],
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Cluster", name, None, opts)
        self._account_id, self._child = account_id, pulumi.ResourceOptions(parent=self)
        self._replicas = settings.replicas
        physical = f"keelson-{settings.stack}"
        control = Role(
            "cluster",
            account_id=account_id,
            trust=trusted_service("eks.amazonaws.com"),
            description="EKS control plane",
            managed={"cluster-policy": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"},
            opts=self._child,
        )
        logs = self._log_group(f"{name}-log", physical, settings, key)
        made = aws.eks.Cluster(
            f"{name}-control-plane",
            name=physical,
            role_arn=control.arn,
            version=versions.kubernetes.version,
            # Standard support alone: EKS upgrades at its end rather than charge six times the price.
            upgrade_policy={"support_type": "STANDARD"},
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            bootstrap_self_managed_addons=False,
            # What EKS would choose too; network policies name it.
            kubernetes_network_config={"service_ipv4_cidr": SERVICES},
            enabled_cluster_log_types=list(_LOGS),
            encryption_config={"provider": {"key_arn": key}, "resources": ["secrets"]},
            vpc_config={
                "subnet_ids": list(subnet_ids),
                "endpoint_private_access": True,
                "endpoint_public_access": bool(settings.network.api_allowed_cidrs),
                "public_access_cidrs": [str(one) for one in settings.network.api_allowed_cidrs] or None,
            },
            deletion_protection=settings.protect,
            # The group must be there before EKS writes; the policy before EKS makes its network interfaces.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs, control], protect=settings.protect),
        )
        # EKS's own id of a cluster is its name.
        self.name, self.arn, self.endpoint = made.id, made.arn, made.endpoint
        self.certificate = made.certificate_authority.apply(lambda authority: authority.data or "")
        self.security_group = made.vpc_config.apply(lambda vpc: vpc.cluster_security_group_id or "")
        self.before_nodes = [self._addon(one) for one in versions.addons.before_nodes]
        self._admit(settings)
        self.register_outputs({"name": self.name, "endpoint": self.endpoint})

    def after_nodes(self, addons: Sequence[str], nodes: pulumi.Resource) -> list[pulumi.Resource]:
        """Install the add-ons whose pods need a node to run on."""
        driver = Role(
            "ebs-csi",
            account_id=self._account_id,
            trust=trusted_pod("kube-system", "ebs-csi-controller-sa", self.arn),
            description="EBS volumes for pods",
            managed={"ebs-csi-policy": "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"},
            opts=self._child,
        )
        associations = {"aws-ebs-csi-driver": ("ebs-csi-controller-sa", driver.arn)}
        return [self._addon(one, nodes, associations.get(one)) for one in addons]

    def _log_group(
        self, name: str, cluster: str, settings: CloudSettings, key: pulumi.Input[str]
    ) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            name,
            # EKS writes here by name; left to itself it makes the group without end of retention.
            name=f"/aws/eks/{cluster}/cluster",
            retention_in_days=settings.network.flow_log_days if not settings.protect else 365,
            kms_key_id=key,
            opts=self._child,
        )

    def _addon(
        self,
        addon: str,
        nodes: pulumi.Resource | None = None,
        association: tuple[str, pulumi.Output[str]] | None = None,
    ) -> aws.eks.Addon:
        values = addon_values(addon, self._replicas)
        return aws.eks.Addon(
            f"addon-{addon}",
            cluster_name=self.name,
            addon_name=addon,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            configuration_values=json.dumps(values, sort_keys=True) if values else None,
            pod_identity_associations=[{"service_account": association[0], "role_arn": association[1]}]
            if association
            else None,
            # Its pods stay pending, and the add-on degraded, where there is no node.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[nodes] if nodes else []),
        )

    def _admit(self, settings: CloudSettings) -> None:
        """The deploy role administers; all others enter in groups, and Kubernetes decides on those."""
        deployer = self._bootstrapped(github_role("deploy", settings.stack))
        entry = aws.eks.AccessEntry(
            "access-deployer",
            cluster_name=self.name,
            principal_arn=deployer,
            type="STANDARD",
            opts=self._child,
        )
        aws.eks.AccessPolicyAssociation(
            "access-deployer-admin",
            cluster_name=self.name,
            principal_arn=entry.principal_arn,
            policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            access_scope={"type": "cluster"},
            opts=self._child,
        )
        self.admit(CI, self._bootstrapped(github_role("train", settings.stack)))

    def _bootstrapped(self, role: str) -> pulumi.Output[str]:
        """ARN of a role that the account's bootstrap made."""
        return pulumi.Output.concat("arn:aws:iam::", self._account_id, f":role/{role}")

    def admit(self, role: str, principal: pulumi.Input[str]) -> None:
        """Let an IAM role in, as one of ``infra.apps.roles.ROLES``."""
        aws.eks.AccessEntry(
            f"access-{role}",
            cluster_name=self.name,
            principal_arn=principal,
            type="STANDARD",
            kubernetes_groups=[group(role)],
            opts=self._child,
        )


def kubeconfig(
    name: pulumi.Input[str], endpoint: pulumi.Input[str], certificate: pulumi.Input[str], region: str
) -> pulumi.Output[str]:
    """A kubeconfig that asks AWS for a fresh token at each use; it holds no secret and does not change."""
    return pulumi.Output.json_dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "keelson",
            "clusters": [
                {"name": "keelson", "cluster": {"server": endpoint, "certificate-authority-data": certificate}}
            ],
            "contexts": [{"name": "keelson", "context": {"cluster": "keelson", "user": "keelson"}}],
            "users": [
                {
                    "name": "keelson",
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1",
                            "command": "aws",
                            "args": ["eks", "get-token", "--region", region, "--cluster-name", name],
                            "interactiveMode": "Never",
                        }
                    },
                }
            ],
        }
    )
