"""The cloud layer: everything of a stack that AWS itself provides."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from infra.apps.access import SECRETS
from infra.apps.foundation import Buckets, CloudFoundation
from infra.apps.namespaces import NAMESPACES
from infra.apps.secrets import SecretsManager
from infra.aws.budget import Budget
from infra.aws.cluster import Cluster, kubeconfig
from infra.aws.databases import Databases
from infra.aws.identity import PERSONAS, PeopleRoles, PodIdentities, Reach
from infra.aws.karpenter import Karpenter
from infra.aws.keys import Keys
from infra.aws.load_balancing import LoadBalancing
from infra.aws.naming import tag_everything
from infra.aws.network import Network
from infra.aws.nodes import SystemNodes
from infra.aws.registry import Registry
from infra.aws.secrets import Secrets
from infra.aws.storage import Storage
from infra.settings.cloud import CloudSettings
from infra.versions import Versions


class CloudPlatform(pulumi.ComponentResource):
    """Network, cluster, nodes, storage, databases, registry and identity of one stack.

    A paused stack keeps what holds data: keys, buckets, image repositories and the volume of its MySQL. Databases
    leave a final snapshot behind.

    Attributes:
        foundation: What the cluster layer stands on; ``None`` while the stack is paused.
        ready: What the cluster layer waits for: nodes, and the add-ons that need them.
    """

    foundation: CloudFoundation | None = None
    ready: list[pulumi.Resource]

    def __init__(self, name: str, *, settings: CloudSettings, versions: Versions) -> None:
        # First of all: a resource takes over what its parent knew when it was made.
        tag_everything()
        super().__init__("keelson:aws:CloudPlatform", name)
        provider = aws.Provider(
            "aws",
            region=settings.region,
            # Another account's credentials are refused before anything is made.
            allowed_account_ids=[settings.account_id] if settings.account_id else None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._settings, self._versions = settings, versions
        self._child = pulumi.ResourceOptions(parent=self, providers=[provider])
        self._invoke = pulumi.InvokeOutputOptions(parent=self, provider=provider)
        self._account = aws.get_caller_identity_output(opts=self._invoke).account_id
        self._cluster_name = f"keelson-{settings.stack}"
        self.ready = []
        self._keep()
        if not settings.paused:
            self._run()
        self.register_outputs({})

    def _keep(self) -> None:
        """What stays while the stack is paused."""
        settings = self._settings
        self._keys = Keys(
            "keys",
            account_id=self._account,
            region=settings.region,
            per_purpose=settings.keys == "per-purpose",
            protect=settings.protect,
            opts=self._child,
        )
        self._storage = Storage(
            "storage",
            account_id=self._account,
            region=settings.region,
            key=self._keys.storage,
            protect=settings.protect,
            log_days=settings.network.flow_log_days,
            replica_region=settings.replica_region,
            opts=self._child,
        )
        self._registry = Registry(
            "registry", stack=settings.stack, key=self._keys.storage, protect=settings.protect, opts=self._child
        )
        Budget("budget", settings=settings.budget, account_id=self._account, stack=settings.stack, opts=self._child)
        self._network = None if settings.paused else self._made_network()
        self._databases = Databases(
            "databases",
            settings=settings,
            versions=self._versions,
            account_id=self._account,
            key=self._keys.database,
            vpc_id=self._network.vpc_id if self._network else None,
            subnet_ids=self._network.database_subnets if self._network else [],
            opts=self._child,
        )

    def _made_network(self) -> Network:
        return Network(
            "network",
            settings=self._settings.network,
            region=self._settings.region,
            cluster=self._cluster_name,
            logs=self._storage.buckets["logs"],
            opts=self._child,
        )

    def _run(self) -> None:
        """What costs by the hour."""
        settings, versions, network = self._settings, self._versions, self._network
        assert network is not None
        secrets = Secrets(
            "secrets",
            stack=settings.stack,
            secrets=SECRETS,
            key=self._keys.database,
            protect=settings.protect,
            opts=self._child,
        )
        cluster = Cluster(
            "cluster",
            settings=settings,
            versions=versions,
            account_id=self._account,
            subnet_ids=network.private_subnets,
            key=self._keys.cluster,
            opts=self._child,
        )
        nodes = SystemNodes(
            "system-nodes",
            settings=settings.system,
            cluster=cluster.name,
            account_id=self._account,
            kubernetes_version=versions.kubernetes.version,
            ami_type=versions.ami.system,
            subnet_ids=network.private_subnets,
            key=self._keys.cluster,
            needs=[*cluster.before_nodes, network],
            opts=self._child,
        )
        self.ready = [nodes.group, *cluster.after_nodes(versions.addons.after_nodes, nodes.group)]
        karpenter = Karpenter(
            "karpenter",
            cluster=self._cluster_name,
            cluster_arn=cluster.arn,
            account_id=self._account,
            region=settings.region,
            security_group=cluster.security_group,
            key=self._keys.cluster,
            opts=self._child,
        )
        # Pods get credentials only at their start: whatever runs on the cluster comes after who it is.
        self.ready.append(karpenter)
        if settings.sign_in is not None:
            balancing = LoadBalancing(
                "load-balancing",
                cluster=self._cluster_name,
                cluster_arn=cluster.arn,
                account_id=self._account,
                region=settings.region,
                opts=self._child,
            )
            self.ready.append(balancing)
        self._databases.admit(cluster.security_group)
        self._identities(cluster, secrets)
        self.foundation = self._handed_over(cluster, karpenter, secrets)

    def _identities(self, cluster: Cluster, secrets: Secrets) -> None:
        reach = Reach(
            buckets=self._storage.buckets,
            secrets={**secrets.arns, **self._databases.master_secrets},
            secrets_key=self._keys.database,
            repositories=self._registry.arns,
        )
        identities = PodIdentities(
            "pod-identities",
            cluster=cluster.name,
            cluster_arn=cluster.arn,
            account_id=self._account,
            reach=reach,
            opts=self._child,
        )
        self.ready.append(identities)
        people = self._settings.people.model_dump(by_alias=True)
        roles = PeopleRoles(
            "people",
            principals={persona.name: people[persona.name] for persona in PERSONAS},
            account_id=self._account,
            cluster_arn=cluster.arn,
            reach=reach,
            opts=self._child,
        )
        for persona, arn in roles.arns.items():
            cluster.admit(persona, arn)

    def _handed_over(self, cluster: Cluster, karpenter: Karpenter, secrets: Secrets) -> CloudFoundation:
        assert self._network is not None
        assert self._databases.postgres is not None
        provider = kubernetes.Provider(
            "kubernetes",
            kubeconfig=kubeconfig(cluster.name, cluster.endpoint, cluster.certificate, self._settings.region),
            # A new kubeconfig for the same cluster must not replace every object.
            cluster_identifier=cluster.arn,
            enable_server_side_apply=True,
            # Else a changed ConfigMap is deleted and made again, and a pod that starts in between finds none.
            enable_config_map_mutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        buckets = self._storage.buckets
        return CloudFoundation(
            provider=provider,
            account_id=self._account,
            region=self._settings.region,
            cluster_name=cluster.name,
            cluster_endpoint=cluster.endpoint,
            vpc_id=self._network.vpc_id,
            vpc_cidr=str(self._settings.network.cidr),
            namespaces=NAMESPACES,
            # The VPC CNI gives pods addresses of the VPC.
            pod_cidr=str(self._settings.network.cidr),
            keeper=SecretsManager(),
            buckets=Buckets(**{purpose: bucket.bucket for purpose, bucket in buckets.items()}),
            postgres=self._databases.postgres,
            mysql=self._databases.mysql,
            mysql_volume=self._databases.mysql_volume,
            secrets=secrets.names,
            repositories=self._registry.urls,
            interruption_queue=karpenter.queue,
            node_role=karpenter.node_role,
            disk_key=self._keys.cluster,
        )
