"""The Job that makes databases, users and passwords; the program that it runs is the folder `bootstrap`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes import core, meta

from infra.apps.access import BOOTSTRAPPED_SECRETS
from infra.apps.application import Task, digest_of
from infra.apps.environment import NO_TELEMETRY
from infra.apps.foundation import CloudFoundation
from infra.apps.priority import CRITICAL
from infra.apps.workload import Size, Workload

NAME, NAMESPACE = "database-bootstrap", "database"
SCRIPTS = Path(__file__).with_name("bootstrap")
MYSQL_HOST, MYSQL_PORT = "mysql.database.svc.cluster.local", 3306
MYSQL_SECRET = "mysql-master"  # noqa: S105 (a name)
_FOLDER = "/etc/keelson"
_MYSQL_FOLDER = f"{_FOLDER}/mysql"


@dataclass(frozen=True, kw_only=True)
class Bootstrapping:
    """What the program does in a stack.

    Attributes:
        plan: Its argument; see ``bootstrap.databases.Plan``.
        secret_files: Secrets that it reads, ``{folder: Secret}``.
    """

    plan: Mapping[str, Any]
    secret_files: Mapping[str, str]


def of_cloud(foundation: CloudFoundation) -> Bootstrapping:
    """What is done in RDS and in Secrets Manager, and in the MySQL of a cluster that has one."""
    region = foundation.region
    plan = {
        "region": region,
        "authority": f"https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem",
        "postgres": {
            "host": foundation.postgres.host,
            "port": foundation.postgres.port,
            "master_secret": foundation.postgres.master_secret,
            "sslmode": "verify-full",
        },
        "mysql": _mysql(foundation),
        "secrets": {name: foundation.secrets[name] for name in BOOTSTRAPPED_SECRETS},
    }
    return Bootstrapping(plan=plan, secret_files={_MYSQL_FOLDER: MYSQL_SECRET} if foundation.mysql is None else {})


def _mysql(foundation: CloudFoundation) -> dict[str, Any]:
    if foundation.mysql is None:
        return {"host": MYSQL_HOST, "port": MYSQL_PORT, "master_folder": _MYSQL_FOLDER}
    server = foundation.mysql
    return {"host": server.host, "port": server.port, "master_secret": server.master_secret}


def scripts() -> dict[str, str]:
    """The program's files by name."""
    return {file.name: file.read_text() for file in sorted(SCRIPTS.glob("*.py")) if file.name != "__init__.py"}


def workload(image: pulumi.Input[str], digest: pulumi.Input[str], secret_files: Mapping[str, str]) -> Workload:
    """The Job's pod: the components' image with the program from a ConfigMap."""
    environment: Mapping[str, str] = {**NO_TELEMETRY, "PYTHONPATH": _FOLDER}
    return Workload(
        namespace=NAMESPACE,
        name=NAME,
        component="database",
        image=image,
        command=["python", "-m", "bootstrap.databases", f"{_FOLDER}/bootstrap/plan.json"],
        size=Size(cpu=20, memory=96, memory_limit=512),
        priority=CRITICAL,
        environment=environment,
        config_files={f"{_FOLDER}/bootstrap": NAME},
        secret_files=secret_files,
        digest=digest,
    )


class DatabaseBootstrap(pulumi.ComponentResource):
    """Makes what applications need in the databases, and in Secrets Manager; run anew whenever it changes.

    Attributes:
        task: Done when every database can be used and every secret has its values.
    """

    task: Task

    def __init__(
        self,
        name: str,
        *,
        image: pulumi.Input[str],
        work: Bootstrapping,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:DatabaseBootstrap", name, None, opts)
        data = {**scripts(), "plan.json": pulumi.Output.json_dumps(work.plan, indent=2, sort_keys=True)}
        files = core.v1.ConfigMap(
            f"{name}-files",
            metadata=meta.v1.ObjectMetaArgs(name=NAME, namespace=NAMESPACE),
            data=data,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.task = Task(
            f"{name}-task",
            workload(image, digest_of(data), work.secret_files),
            minutes=15,
            # The pod mounts the files, whose name it only spells out.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[files]),
        )
        self.register_outputs({})
