"""Postgres as a pod: one server, its data on a volume, reached over TLS by users with passwords alone."""

import pulumi
from pulumi_kubernetes import core, meta

from infra.apps.application import digest, stateful_server, volume_claim
from infra.apps.priority import CRITICAL
from infra.apps.workload import Check, Probes, Size, Workload
from infra.self_hosted.credentials import MASTER, SERVER
from infra.self_hosted.names import DATABASE, MASTER_USER, POSTGRES, POSTGRES_PORT

# The user `postgres` of the official image: initdb refuses a user without a name.
USER = 999
_DATA, _RUN = "/var/lib/postgresql/data", "/run/postgresql"
_MASTER, _SERVER, _CONFIGURATION = "/etc/keelson/master", "/etc/keelson/server", "/etc/keelson/configuration"
_ACCESS = "pg_hba.conf"
_PREPARE = f"""set -eu
umask 077
# Prepared aside and moved as a whole, so that a start that was ended half way is repeated from nothing.
if [ ! -d {_DATA}/data ]; then
  rm -rf {_DATA}/draft
  initdb --pgdata={_DATA}/draft --username={MASTER_USER} --pwfile={_MASTER}/password --auth=scram-sha-256 \\
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums
  mv {_DATA}/draft {_DATA}/data
fi
# The Secret's password counts, whatever it was before.
printf "ALTER ROLE {MASTER_USER} PASSWORD '%s';\\n" "$(cat {_MASTER}/password)" \\
  | postgres --single -D {_DATA}/data postgres > /dev/null
"""
_NAMED_USER = "the image's user for whom initdb finds a name"


def access() -> str:
    """Who may connect: nobody without TLS, nobody without a password."""
    return "hostssl all all all scram-sha-256\n"


def workload(image: pulumi.Input[str]) -> Workload:
    """The server."""
    return Workload(
        namespace=DATABASE,
        name=POSTGRES,
        component="database",
        image=image,
        preparation=["bash", "-c", _PREPARE],
        command=["postgres"],
        arguments=[
            "-D",
            f"{_DATA}/data",
            *_set("listen_addresses", "*"),
            *_set("port", str(POSTGRES_PORT)),
            *_set("unix_socket_directories", _RUN),
            *_set("hba_file", f"{_CONFIGURATION}/{_ACCESS}"),
            *_set("ssl", "on"),
            *_set("ssl_cert_file", f"{_SERVER}/tls.crt"),
            *_set("ssl_key_file", f"{_SERVER}/tls.key"),
            *_set("password_encryption", "scram-sha-256"),
            *_set("shared_buffers", "128MB"),
            *_set("max_connections", "200"),
        ],
        size=Size(cpu=100, memory=384, memory_limit=1536, burst=20),
        priority=CRITICAL,
        ports={"postgres": POSTGRES_PORT},
        probes=Probes(
            alive=Check(port="postgres"),
            # It passes also where the server refuses the user: only whether it answers counts.
            ready=Check(command=("pg_isready", f"--host={_RUN}", f"--port={POSTGRES_PORT}")),
            startup_seconds=300,
        ),
        scratch={_RUN: 16, "/tmp": 256},  # noqa: S108 (a path in the pod, where nobody else is)
        claims={_DATA: POSTGRES},
        config_files={_CONFIGURATION: POSTGRES},
        secret_files={_MASTER: MASTER, _SERVER: SERVER},
        user=USER,
        grace_seconds=60,
        digest=digest(access()),
        exceptions={
            "kube-score/container-security-context-user-group-id": _NAMED_USER,
            "checkov/CKV_K8S_40": _NAMED_USER,
        },
    )


def _set(name: str, value: str) -> tuple[str, str]:
    return "-c", f"{name}={value}"


class Postgres(pulumi.ComponentResource):
    """The server, its Service and its volume."""

    def __init__(
        self, name: str, *, image: pulumi.Input[str], gib: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """``gib``: size of the volume."""
        super().__init__("keelson:self_hosted:Postgres", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        volume_claim(f"{name}-volume", namespace=DATABASE, name=POSTGRES, gib=gib, opts=child)
        files = core.v1.ConfigMap(
            f"{name}-configuration",
            metadata=meta.v1.ObjectMetaArgs(name=POSTGRES, namespace=DATABASE),
            data={_ACCESS: access()},
            opts=child,
        )
        stateful_server(name, workload(image), needs=[files], opts=child)
        self.register_outputs({})
