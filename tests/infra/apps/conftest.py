"""The cluster layer of a stack under Pulumi's recording engine: nothing is made, and no account is needed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from pulumi.runtime import settings as engine
from pulumi.runtime.stack import run_pulumi_func

from infra.apps.access import SECRETS
from infra.apps.foundation import Buckets, CloudFoundation, DatabaseServer, Volume
from infra.apps.namespaces import NAMESPACES
from infra.apps.secrets import SecretsManager
from infra.settings.cloud import STACKS, CloudSettings

SIGN_IN = {
    "domain": "ml.example.com",
    "certificate-arn": "arn:aws:acm:us-east-1:123456789012:certificate/x",
    "issuer": "https://id.example.com",
    "client-id": "keelson",
    "email-domain": "example.com",
}


@dataclass(frozen=True)
class Made:
    """The Kubernetes objects that a program made, in their own spelling."""

    objects: tuple[dict[str, Any], ...]

    def of(self, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        """All objects of a kind, in a namespace."""
        found = [one for one in self.objects if one["kind"] == kind]
        return [one for one in found if namespace in (None, one["metadata"].get("namespace"))]

    def one(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """The object of this kind whose name is, or starts with, ``name``."""
        found = [one for one in self.of(kind, namespace) if one["metadata"]["name"] == name]
        found = found or [one for one in self.of(kind, namespace) if one["metadata"]["name"].startswith(name)]
        assert len(found) == 1, [one["metadata"]["name"] for one in found]
        return found[0]

    def servers(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """All objects whose pods answer requests, in a namespace."""
        return [one for kind in ("Deployment", "StatefulSet", "Rollout") for one in self.of(kind, namespace)]

    def pods(self) -> dict[str, dict[str, Any]]:
        """The pod specification of each workload, by the workload's name."""
        made: dict[str, dict[str, Any]] = {}
        for one in self.objects:
            if one["kind"] in ("Deployment", "StatefulSet", "Rollout", "DaemonSet", "Job"):
                made[one["metadata"]["name"]] = one["spec"]["template"]["spec"]
            if one["kind"] == "CronJob":
                made[one["metadata"]["name"]] = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        return made


class _Recorder(pulumi.runtime.Mocks):
    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ.startswith("kubernetes:"):
            self.objects.append(_whole(args.inputs))
        return f"<{args.name}.id>", dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {}


def _whole(value: Any) -> Any:
    """Pulumi's numbers are all floats."""
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def cloud_settings(stack: str = "dev", **changes: Any) -> CloudSettings:
    """Settings of a stack; ``changes`` by field name."""
    return CloudSettings.model_validate(
        {"stack": stack, **STACKS[stack], **{key.replace("_", "-"): value for key, value in changes.items()}}
    )


def a_foundation(settings: CloudSettings) -> CloudFoundation:
    """What a cloud layer would hand over for these settings."""
    on_rds = settings.database.mysql == "rds"
    return CloudFoundation(
        provider=kubernetes.Provider("kubernetes"),
        account_id="123456789012",
        region=settings.region,
        cluster_name="cluster",
        cluster_endpoint="https://cluster.example.com",
        vpc_id="vpc",
        vpc_cidr=str(settings.network.cidr),
        namespaces=NAMESPACES,
        pod_cidr=str(settings.network.cidr),
        keeper=SecretsManager(),
        buckets=Buckets(data="data", artifacts="artifacts", models="models", logs="logs"),
        postgres=DatabaseServer(host="postgres.example.com", port=5432, master_secret="arn:postgres"),
        mysql=DatabaseServer(host="mysql.example.com", port=3306, master_secret="arn:mysql") if on_rds else None,
        mysql_volume=None if on_rds else Volume(id="vol-1", zone="us-east-1a"),
        secrets={name: f"keelson/{name}" for name in SECRETS},
        repositories={"components": "registry/components", "serving": "registry/serving"},
        interruption_queue="queue",
        node_role="role",
        disk_key="arn:aws:kms:us-east-1:123456789012:key/disk",
    )


def _recorded(program: Callable[[], None]) -> Made:
    """What the program makes."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    recorder = _Recorder()
    pulumi.runtime.set_mocks(recorder, preview=False)
    try:
        loop.run_until_complete(run_pulumi_func(program))
    finally:
        engine.reset_options()
        asyncio.set_event_loop(None)
        loop.close()
    return Made(tuple(recorder.objects))


@pytest.fixture(scope="session")
def make_all() -> Callable[..., Made]:
    """Makes all of the cluster layer's own objects, ``make_all("prod", sign_in=...)``; equal ones only once."""
    from infra.apps import boundaries
    from infra.apps.cloud_workloads import CloudWorkloads
    from infra.apps.logs import Logs

    known: dict[str, Made] = {}

    def make_all(stack: str = "dev", **changes: Any) -> Made:
        settings = cloud_settings(stack, **{"bundle": "trip_duration:abc", **changes})

        def program() -> None:
            foundation = a_foundation(settings)
            walls = boundaries.of_cloud(foundation, settings)
            Logs("logs", foundation, settings)
            CloudWorkloads("workloads", foundation, settings, needs=[walls])

        key = settings.model_dump_json()
        if key not in known:
            known[key] = _recorded(program)
        return known[key]

    return make_all


@pytest.fixture(scope="session")
def sign_in() -> Mapping[str, str]:
    """Settings with which pages are public."""
    return SIGN_IN
