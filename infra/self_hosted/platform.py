"""Stack ``cluster``: the services of the cloud stacks on any Kubernetes, over its own Postgres and S3 server."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.apps import controllers, observability
from infra.apps.boundaries import Boundaries
from infra.apps.charts import chart
from infra.apps.contract import STORAGE_KEYS
from infra.apps.database_bootstrap import Bootstrapping
from infra.apps.foundation import Buckets, DatabaseServer, Foundation, same_keys
from infra.apps.foundation import ObjectStorage as Storage
from infra.apps.images import prefixed
from infra.apps.observability import Observability
from infra.apps.workloads import Workloads, components_image
from infra.self_hosted import boundaries, credentials, names
from infra.self_hosted.credentials import Credentials
from infra.self_hosted.keeper import GeneratedSecrets
from infra.self_hosted.object_storage import ObjectStorage
from infra.self_hosted.pipelines import Pipelines
from infra.self_hosted.postgres import Postgres
from infra.settings.cluster import ClusterSettings
from infra.versions import Versions

_BUCKETS = Buckets(data="keelson-data", artifacts="keelson-artifacts", models="keelson-models", logs="keelson-logs")
_SECRETS_FOLDER = "/etc/keelson/secrets"
# Images are pulled and volumes made while the bootstrap waits.
_PATIENCE_SECONDS = 600
_DATABASE_KEYS = ("username", "password", "host", "port", "database", "ca", "uri")


def bootstrapping(foundation: Foundation) -> Bootstrapping:
    """What the database bootstrap does: users, databases and buckets, by secrets that are complete already."""
    read = (credentials.MASTER, credentials.STORAGE, *credentials.DATABASES)
    plan: dict[str, Any] = {
        "region": foundation.region,
        "postgres": {
            "host": foundation.postgres.host,
            "port": foundation.postgres.port,
            "master_secret": foundation.postgres.master_secret,
            "sslmode": "verify-full",
        },
        "storage": {
            "endpoint": names.OBJECTS_ADDRESS,
            "secret": credentials.STORAGE,
            "buckets": [_BUCKETS.data, _BUCKETS.artifacts, _BUCKETS.models],
        },
        "secrets": {name: name for name in credentials.DATABASES},
        "secrets_folder": _SECRETS_FOLDER,
        "patience_seconds": _PATIENCE_SECONDS,
    }
    return Bootstrapping(plan=plan, secret_files={f"{_SECRETS_FOLDER}/{name}": name for name in read})


class SelfHostedPlatform(pulumi.ComponentResource):
    """Boundaries, operators, Postgres, S3 server, the project's own workloads, pipelines, and monitoring.

    Attributes:
        values: The platform contract's settings, by output name.
    """

    values: Mapping[str, pulumi.Input[str]]

    def __init__(self, name: str, *, settings: ClusterSettings, versions: Versions) -> None:
        super().__init__("keelson:self_hosted:SelfHostedPlatform", name)
        self._settings, self._versions = settings, versions
        made = Credentials("credentials", opts=pulumi.ResourceOptions(parent=self))
        self._foundation = foundation = self._stands_on(made)
        inside = pulumi.ResourceOptions(parent=self, providers=[foundation.provider])
        walls = Boundaries("boundaries", foundation, settings, openings=boundaries.of_stack(settings), opts=inside)
        # No pod starts in a namespace before its walls stand.
        ready = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[walls]))
        operators = self._operators(ready)
        stores = self._stores(ready)
        workloads = Workloads(
            "workloads",
            foundation,
            settings,
            bootstrapping=bootstrapping(foundation),
            needs=[walls, *operators, *stores],
            opts=inside,
        )
        after = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[walls, *operators]))
        if settings.operators == "installed":
            Observability("observability", foundation, settings, opts=after)
        else:
            observability.watch("observability", foundation, settings, after)
        if settings.steps_are_jobs:
            done = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[workloads]))
            Pipelines("pipelines", image=components_image(foundation), settings=settings, opts=done)
        self.values = workloads.values
        self.register_outputs({})

    def _stands_on(self, made: Credentials) -> Foundation:
        settings = self._settings
        return Foundation(
            provider=kubernetes.Provider(
                "kubernetes",
                context=settings.context,
                enable_server_side_apply=True,
                # Else a changed one is deleted and made again, and a pod that starts in between finds none.
                enable_config_map_mutable=True,
                enable_secret_mutable=True,
                opts=pulumi.ResourceOptions(parent=self),
            ),
            region=names.REGION,
            namespaces=boundaries.namespaces(settings),
            pod_cidr=str(settings.network.pods),
            buckets=_BUCKETS,
            postgres=DatabaseServer(
                host=names.POSTGRES_HOST, port=names.POSTGRES_PORT, master_secret=credentials.MASTER
            ),
            storage=Storage(endpoint=names.OBJECTS_ADDRESS, secret=credentials.STORAGE),
            keeper=GeneratedSecrets(made.values),
            secrets={name: name for name in (*credentials.DATABASES, credentials.GRAFANA)},
            repositories={name: f"{settings.registry}/{name}" for name in ("components", "serving")},
        )

    def _operators(self, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """Those whose kinds the stack uses; the Prometheus operator comes with the rest of monitoring."""
        if self._settings.operators == "present":
            return []
        return [
            chart("cert-manager", controllers.cert_manager(self._settings), opts=opts),
            chart("argo-rollouts", controllers.argo_rollouts(self._settings), opts=opts),
        ]

    def _stores(self, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """Postgres and the S3 server, and the Secrets that they and the bootstrap of databases read."""
        wanted = {
            (names.DATABASE, credentials.MASTER): ("username", "password"),
            (names.DATABASE, credentials.SERVER): ("tls.crt", "tls.key"),
            **{(names.DATABASE, short): _DATABASE_KEYS for short in credentials.DATABASES},
            (names.DATABASE, credentials.STORAGE): STORAGE_KEYS,
            (names.STORAGE, credentials.STORAGE): STORAGE_KEYS,
        }
        secrets = [
            self._foundation.keeper.kubernetes_secret(
                f"stores-{namespace}-{name}",
                namespace=namespace,
                name=name,
                fields=same_keys(name, keys),
                opts=opts,
            )
            for (namespace, name), keys in wanted.items()
        ]
        after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=secrets))
        image = {name: prefixed(self._versions.images[name], self._settings) for name in ("postgres", "versitygw")}
        sizes = self._settings.storage
        return [
            *secrets,
            Postgres("postgres", image=image["postgres"], gib=sizes.database, opts=after),
            ObjectStorage("object-storage", image=image["versitygw"], gib=sizes.objects, opts=after),
        ]
