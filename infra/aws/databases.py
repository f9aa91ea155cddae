"""Managed databases: Postgres for MLflow and Feast, MySQL for Kubeflow Pipelines."""

import hashlib
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.apps.foundation import DatabaseServer, Volume
from infra.aws.firewall import security_group
from infra.aws.naming import cloud_name
from infra.aws.policy import trusted_service
from infra.aws.roles import Role
from infra.settings.cloud import CloudSettings
from infra.versions import Versions

PORTS = {"postgres": 5432, "mysql": 3306}

_PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "postgres": {"rds.force_ssl": "1", "log_min_duration_statement": "1000"},
    # The metadata service of Kubeflow Pipelines 2 knows no newer authentication; the network keeps others out.
    # Nor does it know TLS; said aloud, since RDS demands it by itself from MySQL 9.7 on.
    "mysql": {"authentication_policy": "*:mysql_native_password", "require_secure_transport": "0"},
}
# GiB of the volume under the MySQL inside the cluster.
_VOLUME_SIZE = 20


class Databases(pulumi.ComponentResource):
    """The stack's databases, encrypted, in subnets without a way out; master passwords are RDS's own.

    Attributes:
        postgres: The Postgres server.
        mysql: The MySQL server, ``None`` where it runs in the cluster.
        mysql_volume: Volume of the MySQL in the cluster, ``None`` where it is RDS's.
        master_secrets: ARNs, ``{"postgres-master": ..., "mysql-master": ...}``, of the servers that are RDS's.
    """

    postgres: DatabaseServer | None = None
    mysql: DatabaseServer | None = None
    mysql_volume: Volume | None = None

    def __init__(
        self,
        name: str,
        *,
        settings: CloudSettings,
        versions: Versions,
        account_id: pulumi.Input[str],
        key: pulumi.Input[str],
        vpc_id: pulumi.Input[str] | None,
        subnet_ids: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Databases", name, None, opts)
        self._settings, self._key = settings, key
        self._child = pulumi.ResourceOptions(parent=self)
        self.master_secrets: dict[str, pulumi.Output[str]] = {}
        chosen = settings.database
        if chosen.mysql == "in-cluster":
            self.mysql_volume = self._volume()
        if vpc_id is not None:
            self._subnets = aws.rds.SubnetGroup(
                f"{name}-subnets", name=cloud_name("database"), subnet_ids=list(subnet_ids), opts=self._child
            )
            self._group = security_group(
                f"{name}-group", vpc_id=vpc_id, description="Databases, from the cluster", opts=self._child
            )
            # Metrics of the machine below the database, each minute.
            self._monitoring = Role(
                "rds-monitoring",
                account_id=account_id,
                trust=trusted_service("monitoring.rds.amazonaws.com"),
                description="RDS writes its machines' metrics",
                managed={
                    "rds-monitoring-policy": "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
                },
                opts=self._child,
            )
            self.postgres = self._server(
                "postgres",
                versions.databases.postgres,
                chosen.postgres_class,
                ["postgresql", "upgrade"],
                chosen.restore_from,
            )
            if chosen.mysql == "rds":
                self.mysql = self._server(
                    "mysql",
                    versions.databases.mysql,
                    chosen.mysql_class,
                    ["error", "slowquery"],
                    chosen.restore_mysql_from,
                )
        self.register_outputs({})

    def admit(self, security_group: pulumi.Input[str]) -> None:
        """Let the machines of a security group, and nobody else, reach the databases."""
        for engine in ("postgres", *(["mysql"] if self.mysql else [])):
            aws.vpc.SecurityGroupIngressRule(
                f"databases-from-cluster-{engine}",
                security_group_id=self._group.id,
                referenced_security_group_id=security_group,
                description=f"{engine} from the cluster",
                ip_protocol="tcp",
                from_port=PORTS[engine],
                to_port=PORTS[engine],
                opts=self._child,
            )

    def _server(
        self, engine: str, version: str, instance_class: str, logs: list[str], snapshot: str | None
    ) -> DatabaseServer:
        settings, chosen = self._settings, self._settings.database
        parameters = aws.rds.ParameterGroup(
            f"{engine}-parameters",
            # Another major version takes another family: the new group stands beside the old one while RDS upgrades.
            name=cloud_name(f"{engine}-{version.replace('.', '-')}"),
            family=f"{engine}{version}",
            parameters=[
                {"name": key, "value": value, "apply_method": "pending-reboot"}
                for key, value in _PARAMETERS[engine].items()
            ],
            opts=self._child,
        )
        groups = self._log_groups(engine, logs)
        made = aws.rds.Instance(
            engine,
            identifier=cloud_name(engine),
            engine=engine,
            engine_version=version,
            auto_minor_version_upgrade=True,
            # A database that outlives its engine's support is upgraded rather than billed for extended support.
            engine_lifecycle_support="open-source-rds-extended-support-disabled",
            instance_class=instance_class,
            allocated_storage=chosen.storage,
            max_allocated_storage=chosen.storage * 4,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=self._key,
            multi_az=chosen.multi_az,
            db_subnet_group_name=self._subnets.id,
            vpc_security_group_ids=[self._group.id],
            publicly_accessible=False,
            username="keelson",
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self._key,
            iam_database_authentication_enabled=True,
            parameter_group_name=parameters.id,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            backup_retention_period=chosen.backup_days,
            backup_window="03:00-04:00",
            maintenance_window="sun:04:30-sun:05:30",
            copy_tags_to_snapshot=True,
            delete_automated_backups=not settings.protect,
            deletion_protection=settings.protect,
            skip_final_snapshot=False,
            final_snapshot_identifier=cloud_name(f"{engine}-final-{generation(snapshot)}"),
            snapshot_identifier=snapshot,
            enabled_cloudwatch_logs_exports=logs,
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring.arn,
            performance_insights_enabled=_has_insights(instance_class),
            performance_insights_kms_key_id=self._key if _has_insights(instance_class) else None,
            # The groups with an end of retention must be there before RDS makes its own without one.
            opts=pulumi.ResourceOptions(parent=self, protect=settings.protect, depends_on=groups),
        )
        secret = made.master_user_secrets.apply(lambda secrets: secrets[0].secret_arn or "")
        self.master_secrets[f"{engine}-master"] = secret
        return DatabaseServer(host=made.address, port=PORTS[engine], master_secret=secret)

    def _log_groups(self, engine: str, logs: Sequence[str]) -> list[pulumi.Resource]:
        return [
            aws.cloudwatch.LogGroup(
                f"{engine}-{log}-log",
                name=f"/aws/rds/instance/{cloud_name(engine)}/{log}",
                retention_in_days=365 if self._settings.protect else self._settings.network.flow_log_days,
                kms_key_id=self._key,
                opts=self._child,
            )
            for log in logs
        ]

    def _volume(self) -> Volume:
        zone = f"{self._settings.region}{self._settings.network.zones[0]}"
        made = aws.ebs.Volume(
            "mysql-volume",
            availability_zone=zone,
            size=_VOLUME_SIZE,
            type="gp3",
            encrypted=True,
            kms_key_id=self._key,
            tags={"Name": cloud_name("mysql")},
            opts=pulumi.ResourceOptions(parent=self, protect=self._settings.protect),
        )
        return Volume(id=made.id, zone=zone)


def generation(snapshot: str | None) -> str:
    """Tells one life of a database from the next: RDS refuses a final snapshot whose name is taken.

    Each life starts from another snapshot, so its name follows from that one's.
    """
    return hashlib.sha256((snapshot or "").encode()).hexdigest()[:8]


def _has_insights(instance_class: str) -> bool:
    # Burstable micro and small classes have too little memory for it, says the RDS user guide.
    return not instance_class.endswith((".micro", ".small"))
