"""Upstream's objects as facts, our patches, and what the program makes for both."""

import asyncio
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
import yaml
from pulumi.runtime import settings as engine
from pulumi.runtime.stack import run_pulumi_func

from infra.apps.foundation import Buckets, CloudFoundation, DatabaseServer, Volume
from infra.apps.kubeflow.pipelines import DEFINITIONS, PIPELINES, KubeflowPipelines
from infra.apps.namespaces import NAMESPACES
from infra.apps.secrets import SecretsManager
from infra.settings.cloud import STACKS, CloudSettings
from infra.versions import versions

Object = dict[str, Any]
_DELETE = "$patch"


@dataclass
class Upstream:
    """Objects of the pinned version, by kind and name."""

    objects: Mapping[tuple[str, str], Object]

    def of(self, kind: str) -> dict[str, Object]:
        """All objects of a kind, by name."""
        return {name: one for (found, name), one in self.objects.items() if found == kind}


@dataclass(frozen=True)
class Patch:
    """One patch: a strategic merge (an object), or JSON operations with their target."""

    file: str
    target: tuple[str, str]
    content: Any

    @property
    def deletes(self) -> bool:
        """Whether it leaves its whole object out."""
        return isinstance(self.content, dict) and self.content.get(_DELETE) == "delete"


@dataclass
class Patches:
    """All patches of both kustomizations, in their order."""

    all: list[Patch]

    def left_out(self) -> set[tuple[str, str]]:
        """Objects that are not installed."""
        return {one.target for one in self.all if one.deletes}

    def merged(self, kind: str, name: str) -> list[Object]:
        """The strategic merges of an object."""
        return [one.content for one in self.all if one.target == (kind, name) and isinstance(one.content, dict)]

    def operations(self, kind: str, name: str) -> list[Object]:
        """The JSON operations on an object."""
        found = [one for one in self.all if one.target == (kind, name) and isinstance(one.content, list)]
        return [operation for one in found for operation in one.content]


@dataclass
class Made:
    """What the program made, and how it changes what it makes from upstream's."""

    objects: list[Object] = field(default_factory=list)
    directories: dict[str, str] = field(default_factory=dict)
    transforms: dict[str, list[Any]] = field(default_factory=dict)

    def data(self, name: str) -> dict[str, str]:
        """Data of a ConfigMap."""
        return self.one("ConfigMap", name)["data"]

    def one(self, kind: str, name: str) -> Object:
        """The object of this kind and name."""
        (found,) = (one for one in self.objects if (one["kind"], one["metadata"]["name"]) == (kind, name))
        return found


class _Recorder(pulumi.runtime.Mocks):
    def __init__(self) -> None:
        self.made = Made()

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ.endswith(":Directory"):
            self.made.directories[args.name] = args.inputs["directory"]
            self.made.transforms[args.name] = list(args.transforms)
        elif "kind" in args.inputs:
            self.made.objects.append(args.inputs)
        return f"<{args.name}.id>", dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return {}


def chosen(stack: str, **changes: Any) -> CloudSettings:
    """Settings of a stack."""
    return CloudSettings.model_validate({"stack": stack, **STACKS[stack], **changes})


def _foundation(settings: CloudSettings) -> CloudFoundation:
    on_rds = settings.database.mysql == "rds"
    server = DatabaseServer(host="mysql.example.com", port=3307, master_secret="arn:mysql")
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
        buckets=Buckets(data="data", artifacts="the-artifacts", models="models", logs="logs"),
        postgres=DatabaseServer(host="postgres.example.com", port=5432, master_secret="arn:postgres"),
        mysql=server if on_rds else None,
        mysql_volume=None if on_rds else Volume(id="vol-1", zone="us-east-1a"),
        secrets={"kubeflow-database": "keelson/kubeflow-database"},
        repositories={"components": "registry/components", "serving": "registry/serving"},
        interruption_queue="queue",
        node_role="role",
        disk_key="arn:aws:kms:us-east-1:123456789012:key/disk",
    )


def _recorded(settings: CloudSettings) -> Made:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    recorder = _Recorder()
    pulumi.runtime.set_mocks(recorder, preview=False)

    def program() -> None:
        KubeflowPipelines("kubeflow", _foundation(settings), settings)

    try:
        loop.run_until_complete(run_pulumi_func(program))
    finally:
        engine.reset_options()
        asyncio.set_event_loop(None)
        loop.close()
    return recorder.made


@pytest.fixture(scope="session")
def make() -> Callable[..., Made]:
    """Makes Kubeflow Pipelines of a stack, ``make("prod", region="eu-west-1")``."""
    return lambda stack="dev", **changes: _recorded(chosen(stack, **changes))


@pytest.fixture(scope="session")
def made(make: Callable[..., Made]) -> Made:
    return make("dev")


@pytest.fixture(scope="session")
def settings() -> Callable[..., CloudSettings]:
    return chosen


@pytest.fixture(scope="session")
def upstream() -> Upstream:
    file = Path(__file__).with_name(f"upstream-{versions().kubeflow.version}.toml")
    return Upstream({(one["kind"], one["name"]): one for one in tomllib.loads(file.read_text())["objects"]})


@pytest.fixture(scope="session")
def patches(upstream: Upstream) -> Patches:
    return Patches([one for folder in (DEFINITIONS, PIPELINES) for one in _patches(folder, upstream)])


def _patches(folder: Path, upstream: Upstream) -> list[Patch]:
    found: list[Patch] = []
    for entry in yaml.safe_load((folder / "kustomization.yaml").read_text())["patches"]:
        file = entry.get("path", "kustomization.yaml")
        text = entry["patch"] if "patch" in entry else (folder / file).read_text()
        for content in yaml.safe_load_all(text):
            targets = _targets(entry.get("target"), content, upstream, {one.target for one in found if one.deletes})
            found += [Patch(file, target, content) for target in targets]
    return found


def _targets(
    target: Object | None, content: Any, upstream: Upstream, left_out: set[tuple[str, str]]
) -> list[tuple[str, str]]:
    if target is None:
        return [(content["kind"], content["metadata"]["name"])]
    kind, names = target["kind"], target.get("name")
    if names is not None:
        return [(kind, name) for name in names.split("|")]
    return [(kind, name) for name in upstream.of(kind) if (kind, name) not in left_out]
