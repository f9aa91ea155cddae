"""The versions file, read into frozen objects."""

import datetime
import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

FILE = Path(__file__).with_name("versions.toml")

_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.-]+)?")
_PINNED_IMAGE = re.compile(r"[^@\s]+(?::(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})")
_PINNED_AMI = re.compile(r"\w+@v\d{8}")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kubernetes(_Frozen):
    """Version of the EKS control plane and of the node groups."""

    version: str


class Support(_Frozen):
    """Last day of standard support of each version, and the day on which the table was read."""

    dated: datetime.date
    kubernetes: Mapping[str, datetime.date]
    postgres: Mapping[str, datetime.date]
    mysql: Mapping[str, datetime.date]

    def ends(self, kind: str, version: str) -> datetime.date:
        """Last day of support of a version; ``kind`` is ``kubernetes``, ``postgres`` or ``mysql``.

        Raises:
            KeyError: The table does not have the version; the message names those that it has.
        """
        table: Mapping[str, datetime.date] = getattr(self, kind)
        if version not in table:
            raise KeyError(
                f"{kind} {version} is not in [support.{kind}] of infra/versions.toml; it has {sorted(table)}"
            )
        return table[version]


class Databases(_Frozen):
    """Major versions of the RDS engines."""

    postgres: str
    mysql: str


class Addons(_Frozen):
    """EKS add-ons in the order that nodes need them."""

    before_nodes: tuple[str, ...]
    after_nodes: tuple[str, ...]


class Ami(_Frozen):
    """Machine images: the system node group's type and Karpenter's alias."""

    system: str
    karpenter: str


class Kubeflow(_Frozen):
    """Kubeflow Pipelines: git tag, the folder of its kustomizations, and every image that it pulls.

    Attributes:
        images: ``{"what it is": "registry/repository:tag"}``.
    """

    version: str
    source: str
    images: Mapping[str, str]


class Chart(_Frozen):
    """One Helm chart: from a repository by name, or an OCI address; and every image that it pulls.

    Attributes:
        images: ``{"name used in the values": "registry/repository:tag"}``.
    """

    version: str
    namespace: str
    repository: str | None = None
    chart: str | None = None
    images: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _has_one_source(self) -> "Chart":
        if (self.repository is None) == (self.chart is None):
            raise ValueError("give either `repository` or an OCI address as `chart`")
        return self


class CustomResources(_Frozen):
    """Where the definitions of custom resources can be read.

    Attributes:
        module: Go module that holds them.
        folder: Their folder in it.
        image: Image of the chart whose tag is the module's version; without it the chart's version is.
        version: Of the module, where it is neither.
    """

    module: str
    folder: str
    image: str | None = None
    version: str | None = None

    def version_for(self, chart: Chart) -> str:
        """Version of the module, ``v1.2.3``, beside this chart."""
        tag = chart.images[self.image].rpartition(":")[2] if self.image else chart.version
        return f"v{(self.version or tag).removeprefix('v')}"


class Versions(_Frozen):
    """Everything in ``infra/versions.toml``.

    Attributes:
        karpenter_for: ``{"Kubernetes version": "first version of Karpenter that knows it"}``.
        custom_resources: By chart, for the charts whose custom resources the stacks write.
        images: Images of workloads that this repository does not build, ``{"name": "registry/repository:tag"}``.
    """

    kubernetes: Kubernetes
    support: Support
    databases: Databases
    addons: Addons
    ami: Ami
    kubeflow: Kubeflow
    charts: Mapping[str, Chart]
    karpenter_for: Mapping[str, str]
    custom_resources: Mapping[str, CustomResources]
    images: Mapping[str, str] = {}


@functools.cache
def versions() -> Versions:
    """The versions file beside this module.

    Raises:
        pydantic.ValidationError: It has a wrong key or value.
    """
    return Versions.model_validate(tomllib.loads(FILE.read_text()))


def faults(chosen: Versions, today: datetime.date) -> list[str]:
    """What is wrong with a set of versions on a day, a sentence each: support, compatibility, and loose pins."""
    return [*_ended(chosen, today), *_karpenter(chosen), *_loose(chosen)]


def _ended(chosen: Versions, today: datetime.date) -> list[str]:
    found: list[str] = []
    used = {
        "kubernetes": chosen.kubernetes.version,
        "postgres": chosen.databases.postgres,
        "mysql": chosen.databases.mysql,
    }
    for kind, version in used.items():
        try:
            end = chosen.support.ends(kind, version)
        except KeyError as error:
            found.append(f"{error.args[0]}: add its last day of support, with the day on which it was read.")
            continue
        if today > end:
            found.append(f"Support of {kind} {version} ended on {end}: move it, as docs/upgrades.md says.")
    return found


def _karpenter(chosen: Versions) -> list[str]:
    kubernetes, karpenter = chosen.kubernetes.version, chosen.charts["karpenter"].version
    found: list[str] = []
    if chosen.charts["karpenter-crd"].version != karpenter:
        found.append(f"karpenter-crd {chosen.charts['karpenter-crd'].version} is not karpenter {karpenter}: move both.")
    first = chosen.karpenter_for.get(kubernetes)
    if first is None:
        found.append(
            f"[karpenter_for] of infra/versions.toml does not say which Karpenter knows Kubernetes {kubernetes}."
        )
    elif _numbers(karpenter) < _numbers(first):
        found.append(f"Karpenter {karpenter} does not know Kubernetes {kubernetes}: it takes {first} or newer.")
    return found


def _loose(chosen: Versions) -> list[str]:
    pins = {f"chart {name}": chart.version for name, chart in chosen.charts.items()}
    pins["kubeflow"] = chosen.kubeflow.version
    found = [
        f"{name} is pinned to {pin!r}, which is no single version."
        for name, pin in pins.items()
        if not _EXACT.fullmatch(pin)
    ]
    images = {**chosen.images, **{f"kubeflow.{name}": address for name, address in chosen.kubeflow.images.items()}}
    for name, chart in chosen.charts.items():
        images |= {f"{name}.{image}": address for image, address in chart.images.items()}
    found += [
        f"Image {name} is {address!r}: give a tag other than latest, or a digest."
        for name, address in images.items()
        if not _PINNED_IMAGE.fullmatch(address)
    ]
    if not _PINNED_AMI.fullmatch(chosen.ami.karpenter):
        found.append(f"The nodes' image is {chosen.ami.karpenter!r}: give a dated release, such as al2023@v20260101.")
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))
