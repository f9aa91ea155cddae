"""MySQL inside the cluster, for stacks in which Kubeflow Pipelines has no RDS of its own.

Its data are on an EBS volume that outlives the cluster. The master user's password is generated in the cluster and goes
with it; the server takes it over each time that it starts.
"""

import pulumi
from pulumi_kubernetes import apiextensions, core, meta

from infra.apps.application import stateful_server
from infra.apps.bootstrap.mysql import DATABASES, RIGHTS
from infra.apps.database_bootstrap import MYSQL_PORT, MYSQL_SECRET
from infra.apps.foundation import Volume
from infra.apps.priority import CRITICAL
from infra.apps.workload import Check, Probes, Size, Workload

NAME, NAMESPACE = "mysql", "database"
MASTER_USER = "keelson"
_SIZE = "20Gi"
_GENERATORS = "generators.external-secrets.io/v1alpha1"
# External Secrets' words for the generated value.
_TAKEN = "{{ .password }}"
_DATA, _RUN, _PASSWORD = "/var/lib/mysql", "/run/mysqld", "/etc/keelson/mysql"
_INITIALISE = f"""set -eu
umask 077
# Prepared aside and moved as a whole, so that a start that was ended half way is repeated from nothing.
if [ ! -d {_DATA}/data ]; then
  rm -rf {_DATA}/draft
  mysqld --no-defaults --initialize-insecure --datadir={_DATA}/draft --tmpdir=/tmp --secure-file-priv=NULL
  mv {_DATA}/draft {_DATA}/data
fi
password=$(cat {_PASSWORD}/password)
sed "s/<password>/$password/" > {_RUN}/start.sql <<'END'
"""


def start_statements() -> list[str]:
    """What the server does each time that it starts: the master user gets the password of the cluster, and may make
    what the database bootstrap makes, nothing else."""
    method = f"'{MASTER_USER}'@'%' IDENTIFIED WITH mysql_native_password BY '<password>'"
    return [
        "ALTER USER 'root'@'localhost' IDENTIFIED BY '<password>'",
        f"CREATE USER IF NOT EXISTS {method}",
        f"ALTER USER {method}",
        f"GRANT CREATE USER ON *.* TO '{MASTER_USER}'@'%'",
        *(f"GRANT {RIGHTS} ON {database}.* TO '{MASTER_USER}'@'%' WITH GRANT OPTION" for database in DATABASES),
    ]


def preparation() -> str:
    """Shell text that runs before the server: makes the data folder once, and the statements of this start."""
    return _INITIALISE + "".join(f"{statement};\n" for statement in start_statements()) + "END\n"


def workload(image: pulumi.Input[str]) -> Workload:
    """The server: for the metadata store of Kubeflow Pipelines, which knows only the native password method."""
    return Workload(
        namespace=NAMESPACE,
        name=NAME,
        component="database",
        image=image,
        preparation=["bash", "-c", preparation()],
        command=["mysqld"],
        arguments=[
            f"--datadir={_DATA}/data",
            f"--init-file={_RUN}/start.sql",
            f"--socket={_RUN}/mysqld.sock",
            f"--pid-file={_RUN}/mysqld.pid",
            f"--port={MYSQL_PORT}",
            "--tmpdir=/tmp",
            "--secure-file-priv=NULL",
            "--mysqlx=OFF",
            "--skip-name-resolve",
            "--mysql-native-password=ON",
            "--authentication-policy=mysql_native_password",
            "--innodb-buffer-pool-size=128M",
            "--performance-schema=OFF",
        ],
        size=Size(cpu=50, memory=384, memory_limit=768),
        priority=CRITICAL,
        ports={"mysql": MYSQL_PORT},
        probes=Probes(
            alive=Check(port="mysql"),
            # It passes also where the server refuses the user: only whether it answers counts.
            ready=Check(command=("mysqladmin", f"--socket={_RUN}/mysqld.sock", "ping")),
            startup_seconds=300,
        ),
        scratch={_RUN: 16, "/tmp": 512},  # noqa: S108 (a path in the pod, where nobody else is)
        claims={_DATA: NAME},
        secret_files={_PASSWORD: MYSQL_SECRET},
        grace_seconds=60,
    )


class Mysql(pulumi.ComponentResource):
    """The server, its Service, its data on a volume that is given, and a master password that only it knows."""

    def __init__(
        self,
        name: str,
        *,
        image: pulumi.Input[str],
        volume: Volume,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Mysql", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        needs = [self._claim(name, volume), self._password(name)]
        stateful_server(name, workload(image), needs=needs, opts=child)
        self.register_outputs({})

    def _claim(self, name: str, volume: Volume) -> core.v1.PersistentVolumeClaim:
        metadata = meta.v1.ObjectMetaArgs(name=NAME, namespace=NAMESPACE)
        size = {"storage": _SIZE}
        core.v1.PersistentVolume(
            f"{name}-volume",
            metadata=meta.v1.ObjectMetaArgs(name=f"keelson-{NAME}"),
            spec=core.v1.PersistentVolumeSpecArgs(
                capacity=size,
                access_modes=["ReadWriteOnce"],
                persistent_volume_reclaim_policy="Retain",
                storage_class_name="",
                claim_ref=core.v1.ObjectReferenceArgs(name=NAME, namespace=NAMESPACE),
                csi=core.v1.CSIPersistentVolumeSourceArgs(
                    driver="ebs.csi.aws.com", volume_handle=volume.id, fs_type="ext4"
                ),
                node_affinity=_only_in(volume.zone),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return core.v1.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=metadata,
            spec=core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name="",
                volume_name=f"keelson-{NAME}",
                resources=core.v1.VolumeResourceRequirementsArgs(requests=size),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _password(self, name: str) -> apiextensions.CustomResource:
        """A Secret that External Secrets makes once, from nothing but chance."""
        metadata = meta.v1.ObjectMetaArgs(name=MYSQL_SECRET, namespace=NAMESPACE)
        generator = apiextensions.CustomResource(
            f"{name}-password-generator",
            api_version=_GENERATORS,
            kind="Password",
            metadata=metadata,
            # Letters and digits need no quoting in SQL.
            spec={"length": 40, "digits": 10, "symbols": 0, "noUpper": False, "allowRepeat": True},
            opts=pulumi.ResourceOptions(parent=self),
        )
        reference = {"apiVersion": _GENERATORS, "kind": "Password", "name": MYSQL_SECRET}
        return apiextensions.CustomResource(
            f"{name}-password",
            api_version="external-secrets.io/v1",
            kind="ExternalSecret",
            metadata=metadata,
            spec={
                "refreshPolicy": "CreatedOnce",
                "target": {"name": MYSQL_SECRET, "template": {"data": {"username": MASTER_USER, "password": _TAKEN}}},
                "dataFrom": [{"sourceRef": {"generatorRef": reference}}],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[generator]),
        )


def _only_in(zone: str) -> core.v1.VolumeNodeAffinityArgs:
    expression = core.v1.NodeSelectorRequirementArgs(key="topology.kubernetes.io/zone", operator="In", values=[zone])
    term = core.v1.NodeSelectorTermArgs(match_expressions=[expression])
    return core.v1.VolumeNodeAffinityArgs(required=core.v1.NodeSelectorArgs(node_selector_terms=[term]))
