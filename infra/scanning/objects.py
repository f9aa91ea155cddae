"""The Kubernetes objects of a render."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# Kinds that the linters do not know, and the built-in kind whose rules hold for their pods.
_LIKE = {("argoproj.io/v1alpha1", "Rollout"): ("apps/v1", "Deployment")}


class RenderError(ValueError):
    """A folder is no render, or a file in it is no Kubernetes object. The message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class KubernetesObject:
    """One object.

    Attributes:
        manifest: As it would be given to Kubernetes.
        file: Where it stands, relative to the render.
    """

    manifest: Mapping[str, Any]
    file: str

    @property
    def reference(self) -> str:
        """``Deployment/serving/bundle``, without the namespace where there is none."""
        metadata = self.manifest["metadata"]
        return "/".join(part for part in (self.kind, metadata.get("namespace"), metadata["name"]) if part)

    @property
    def kind(self) -> str:
        return self.manifest["kind"]

    @property
    def annotations(self) -> dict[str, str]:
        return dict(self.manifest["metadata"].get("annotations") or {})


def read(render: Path) -> tuple[KubernetesObject, ...]:
    """All objects below ``kubernetes/`` in a render, by file.

    Raises:
        RenderError: There are none, or a file holds something else.
    """
    files = sorted((render / "kubernetes").rglob("*.yaml"))
    if not files:
        raise RenderError(f"{render} has no Kubernetes objects: write it with `make render STACK=... OUT={render}`.")
    return tuple(_read(file, render) for file in files)


def as_known(one: KubernetesObject) -> KubernetesObject:
    """The same object under the kind that linters know it by: a Rollout is scanned as the Deployment it stands for, and
    an autoscaler of a Rollout as one of that."""
    if one.kind == "HorizontalPodAutoscaler":
        return _of_known(one)
    known = _LIKE.get((one.manifest["apiVersion"], one.kind))
    if known is None:
        return one
    spec = {
        key: one.manifest["spec"][key] for key in ("replicas", "selector", "template") if key in one.manifest["spec"]
    }
    manifest = {"apiVersion": known[0], "kind": known[1], "metadata": one.manifest["metadata"], "spec": spec}
    return KubernetesObject(manifest=manifest, file=one.file)


def _of_known(one: KubernetesObject) -> KubernetesObject:
    spec = one.manifest["spec"]
    target = spec["scaleTargetRef"]
    known = _LIKE.get((target.get("apiVersion"), target["kind"]))
    if known is None:
        return one
    aimed = {**target, "apiVersion": known[0], "kind": known[1]}
    return KubernetesObject(manifest={**one.manifest, "spec": {**spec, "scaleTargetRef": aimed}}, file=one.file)


def _read(file: Path, render: Path) -> KubernetesObject:
    place = str(file.relative_to(render))
    try:
        manifest = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise RenderError(f"{place} is not one YAML document: {' '.join(str(error).split())}.") from None
    whole = isinstance(manifest, dict) and {"apiVersion", "kind", "metadata"} <= manifest.keys()
    if not whole or not isinstance(manifest["metadata"], dict) or "name" not in manifest["metadata"]:
        raise RenderError(f"{place} is no Kubernetes object: it needs apiVersion, kind and metadata.name.")
    return KubernetesObject(manifest=manifest, file=place)
