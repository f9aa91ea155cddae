"""The embedded platform: every part of the stack as a supervised process on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from infra import outputs
from infra.local import applications, observability, postgres
from infra.local.applications import ARTIFACTS_BUCKET, DATA_BUCKET, http
from infra.local.credentials import Password
from infra.local.environment_file import EnvironmentFile
from infra.local.feature_registry import FeatureRegistry
from infra.local.generation import SLOTS, Generation
from infra.local.layout import Layout
from infra.local.object_store import REGION, Bucket
from infra.local.page import page
from infra.local.ports import HOST, assign
from infra.local.postgres import Database, DataFolder
from infra.local.program import supervisor_environment
from infra.local.proxy import Route
from infra.local.service import Service, SupervisorResource, described
from infra.local.traffic import Traffic
from infra.settings import LocalSettings
from infra.settings.monitor import MonitorSettings
from infra.tools import cache

_ACCESS_KEY_ID = "keelson"


class EmbeddedPlatform(pulumi.ComponentResource):
    """All parts of the local stack: Postgres, S3 server, MLflow, Feast, monitoring, and serving.

    Attributes:
        values: The platform contract's settings, by output name.
    """

    values: Mapping[str, pulumi.Input[str]]

    def __init__(self, name: str, *, root: Path, settings: LocalSettings) -> None:
        super().__init__("keelson:local:EmbeddedPlatform", name)
        self._layout = Layout(root)
        self._port = assign(settings.port_base)
        supervisor = SupervisorResource(
            "supervisor", root=root, port_of=self._port, opts=pulumi.ResourceOptions(parent=self)
        )
        # Services hang under the supervisor: a parent is made before and ended after its children.
        self._child = pulumi.ResourceOptions(parent=supervisor, depends_on=[supervisor])

        databases = self._postgres()
        self._storage()
        self.values = self._contract(databases)
        environment = outputs.environment(self.values)
        tracking = self._tracking(databases["mlflow"])
        self._features(databases["feast"], environment)
        self._observability(settings.alert_webhook)
        self._monitor(settings.monitor, environment, tracking)
        self._page()
        if settings.bundle is not None:
            self._serving(settings.bundle, settings)
        EnvironmentFile("platform-env", path=self._layout.platform_env, environment=environment, opts=self._child)
        self.register_outputs({})

    def _service(self, program: dict[str, Any], *needs: pulumi.Resource) -> Service:
        return Service(program["name"], root=self._layout.root, program=program, opts=self._after(*needs))

    def _after(self, *needs: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=list(needs)))

    def _password(self, name: str) -> pulumi.Output[str]:
        return Password(f"{name}-password", opts=pulumi.ResourceOptions(parent=self)).value

    def _postgres(self) -> dict[str, tuple[Database, pulumi.Output[str]]]:
        superuser = self._password("postgres-superuser")
        folder = DataFolder("postgres-data", root=self._layout.root, password=superuser, opts=self._child)
        port = self._port["postgres"]
        server = self._service(
            described(
                "postgres",
                command=postgres.server_command(self._layout.data / "postgres", port),
                health_check=postgres.health_check(port),
                directory=self._layout.data / "postgres",
                stop_signal="INT",
            ),
            folder,
        )
        made = {}
        for name in ("mlflow", "feast", "pipelines"):
            password = self._password(name)
            opts = pulumi.ResourceOptions(parent=server, depends_on=[server])
            made[name] = (
                Database(name, port=port, password=password, superuser_password=superuser, opts=opts),
                password,
            )
        return made

    def _storage(self) -> None:
        port = self._port["object-store"]
        self._secret_access_key = self._password("object-store")
        store = self._service(applications.object_store(self._layout, port, _ACCESS_KEY_ID, self._secret_access_key))
        self._buckets = [
            Bucket(
                bucket,
                endpoint=http(port),
                access_key_id=_ACCESS_KEY_ID,
                secret_access_key=self._secret_access_key,
                opts=pulumi.ResourceOptions(parent=store, depends_on=[store]),
            )
            for bucket in (DATA_BUCKET, ARTIFACTS_BUCKET)
        ]

    def _contract(self, databases: Mapping[str, tuple[Database, pulumi.Output[str]]]) -> dict[str, pulumi.Input[str]]:
        port = self._port
        _, feast_password = databases["feast"]
        _, pipelines_password = databases["pipelines"]
        return {
            "stack": "local",
            "mlflow_tracking_uri": http(port["mlflow"]),
            "s3_endpoint": http(port["object-store"]),
            "region": REGION,
            "access_key_id": _ACCESS_KEY_ID,
            "secret_access_key": self._secret_access_key,
            "data_bucket": DATA_BUCKET,
            "artifacts_bucket": ARTIFACTS_BUCKET,
            "pipeline_root": str(self._layout.pipeline_root),
            "kfp_endpoint": "local",
            "pipelines_database": _database_url("pipelines", pipelines_password, port["postgres"]),
            "feast_registry": _database_url("feast", feast_password, port["postgres"]),
            "feast_online_host": HOST,
            "feast_online_port": str(port["postgres"]),
            "feast_online_database": "feast",
            "feast_online_user": "feast",
            "feast_online_password": feast_password,
            "feast_online_sslmode": "disable",
            "feast_server_url": http(port["feast-server"]),
            "feast_ui_url": http(port["feast-ui"]),
            "serving_url": http(port["serving"]),
            "prometheus_url": http(port["prometheus"]),
            "evidently_url": http(port["evidently"]),
            **({"grafana_url": http(port["grafana"])} if self._has_grafana() else {}),
        }

    def _tracking(self, mlflow: tuple[Database, pulumi.Output[str]]) -> Service:
        database, password = mlflow
        url = _database_url("mlflow", password, self._port["postgres"])
        program = applications.mlflow(self._layout, self._port["mlflow"], url, self._s3())
        return self._service(program, database, *self._buckets)

    def _features(
        self, feast: tuple[Database, pulumi.Output[str]], environment: Mapping[str, pulumi.Input[str]]
    ) -> None:
        database, _ = feast
        full = {**supervisor_environment(self._layout), **environment}
        opts = pulumi.ResourceOptions(parent=database, depends_on=[database])
        registry = FeatureRegistry("feature-registry", root=self._layout.root, environment=full, opts=opts)
        port = self._port
        program = applications.feast(
            self._layout,
            port=port["feast-server"],
            metrics_port=port["feast-metrics"],
            ui_port=port["feast-ui"],
            # A server reads the code once: it restarts when the definitions change.
            environment={**environment, "KEELSON_FEATURE_DEFINITIONS": registry.definitions},
        )
        self._feast = self._service(program, registry)

    def _page(self) -> None:
        port = self._port
        links = {
            "MLflow": http(port["mlflow"]),
            "Feast": http(port["feast-ui"]),
            "Evidently": http(port["evidently"]),
            "Prometheus": http(port["prometheus"]),
            "Alertmanager": http(port["alertmanager"]),
            **({"Grafana": http(port["grafana"])} if self._has_grafana() else {}),
        }
        self._service(page(self._layout, port["dashboards"], port, links))

    def _monitor(
        self, settings: MonitorSettings, environment: Mapping[str, pulumi.Input[str]], tracking: Service
    ) -> None:
        port = self._port
        self._service(applications.evidently(self._layout, port["evidently"]))
        program = applications.monitor(
            self._layout,
            port["monitor"],
            settings=settings,
            cache=cache.locate(dict(os.environ)).root,
            environment=environment,
        )
        self._service(program, tracking, self._feast)

    def _observability(self, alert_webhook: str | None) -> None:
        port = self._port
        targets = {
            "prometheus": (port["prometheus"], "/metrics"),
            "mlflow": (port["mlflow"], "/metrics"),
            "feast": (port["feast-metrics"], "/metrics"),
            "serving": (port["serving"], "/metrics"),
            "alertmanager": (port["alertmanager"], "/metrics"),
            "monitor": (port["monitor"], "/metrics"),
        }
        # The address may hold a token.
        routes = pulumi.Output.secret(observability.alertmanager_config(alert_webhook))
        self._service(observability.alertmanager(self._layout, port["alertmanager"], routes))
        self._service(observability.prometheus(self._layout, port["prometheus"], targets, port["alertmanager"]))
        if self._has_grafana():
            password = self._password("grafana")
            self._service(observability.grafana(self._layout, port["grafana"], port["prometheus"], password))
        else:
            pulumi.log.warn("Grafana is neither on PATH nor could its release be downloaded: coming up without it.")

    def _serving(self, bundle: str, settings: LocalSettings) -> None:
        layout, port = self._layout, self._port
        proxy = self._service(applications.proxy(layout, port["serving"], port["serving-health"]))
        features = http(port["feast-server"])
        slots = {
            slot: {
                "upstream": f"{HOST}:{port[f'serving-{slot}']}",
                "program": applications.serving(
                    layout,
                    slot,
                    port[f"serving-{slot}"],
                    bundle=bundle,
                    workers=settings.serving_workers,
                    feature_server=features,
                    lookup=settings.feature_lookup,
                ),
            }
            for slot in SLOTS
        }
        generation = Generation(
            "serving-generation",
            root=layout.root,
            slots=slots,
            route=layout.upstream,
            folders=[layout.predictions],
            opts=self._after(self._feast),
        )
        route = Route(
            "serving-route",
            path=layout.upstream,
            upstream=generation.upstream,
            service="serving",
            health={"http": [http(port["serving"], "/readyz")]},
            opts=self._after(proxy, generation),
        )
        if settings.traffic is not None:
            # A generation that serves must know the versions that are named: the one that does comes first.
            Traffic("serving-traffic", layout=layout, bundle=bundle, traffic=settings.traffic, opts=self._after(route))

    def _s3(self) -> dict[str, pulumi.Input[str]]:
        return {
            "AWS_ENDPOINT_URL_S3": http(self._port["object-store"]),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": _ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": self._secret_access_key,
        }

    def _has_grafana(self) -> bool:
        return (self._layout.bin / "grafana").exists()


def _database_url(name: str, password: pulumi.Output[str], port: int) -> pulumi.Output[str]:
    return pulumi.Output.concat(f"postgresql+psycopg://{name}:", password, f"@{HOST}:{port}/{name}")
