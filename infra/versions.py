"""The versions file, read into frozen objects."""

import datetime
import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

FILE = Path(__file__).with_name("versions.toml")


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
    """Kubeflow Pipelines: git tag, and the folder of its kustomizations."""

    version: str
    source: str


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


class Versions(_Frozen):
    """Everything in ``infra/versions.toml``.

    Attributes:
        images: Images of workloads that this repository does not build, ``{"name": "registry/repository:tag"}``.
    """

    kubernetes: Kubernetes
    support: Support
    databases: Databases
    addons: Addons
    ami: Ami
    kubeflow: Kubeflow
    charts: Mapping[str, Chart]
    images: Mapping[str, str] = {}


@functools.cache
def versions() -> Versions:
    """The versions file beside this module.

    Raises:
        pydantic.ValidationError: It has a wrong key or value.
    """
    return Versions.model_validate(tomllib.loads(FILE.read_text()))
