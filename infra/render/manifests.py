"""Kubernetes objects as manifests; and what charts and kustomizations would add, by its pinned source."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from infra.render.notation import as_json, as_yaml, code, plain, table
from infra.render.recording import Recording, Resource
from infra.render.tree import paths


class RenderError(ValueError):
    """The recording cannot be rendered, or not to the place that was given. The message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Addition:
    """Objects that the provider makes from elsewhere, so that a recording does not hold them.

    Attributes:
        kind: ``Chart`` for Helm, ``Directory`` for a kustomization.
        source: Chart or its OCI address; for a kustomization the folder.
        repository: Address of the repository that the chart is found in by its name; empty for any other source.
        version: Chart's version or git tag; for a folder of this repository the version that its component states;
            empty where none is given, which a reviewer should refuse.
        component: URN of the component that it belongs to.
        values: Values that the stack gives a chart.
        settings: All other inputs.
    """

    name: str
    kind: str
    source: str
    repository: str
    version: str
    namespace: str
    component: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """Shows the objects on a machine that reaches the source."""
        if self.kind != "Chart":
            return f"kubectl kustomize {self.source}"
        repository = f" --repo {self.repository}" if self.repository else ""
        values = f" --values charts/{_safe(self.name)}.values.yaml" if self.values else ""
        return (
            f"helm template {self.name} {self.source}{repository} --version {self.version}"
            f" --namespace {self.namespace}{values}"
        )


def manifests(recording: Recording) -> dict[str, str]:
    """``{"kubernetes/<namespace>/<Kind>-<name>.yaml": text}``; objects of no namespace are in ``_cluster``.

    Secrets are below ``secrets`` instead: their values are not in them, so that nobody must apply them.

    Raises:
        RenderError: Two resources are the same Kubernetes object, so that they would overwrite each other.
    """
    places = paths(recording)
    found = one_file_each((_path(one), one) for one in objects(recording))
    return {path: _header(one, places) + as_yaml(one.inputs) for path, one in found.items()}


def one_file_each(found: Iterable[tuple[str, Resource]]) -> dict[str, Resource]:
    """The pairs as a mapping.

    Raises:
        RenderError: Two have one path, or paths that differ in case alone, which some file systems take for one.
    """
    made: dict[str, Resource] = {}
    taken: dict[str, Resource] = {}
    for path, one in found:
        other = taken.setdefault(path.lower(), one)
        if other is not one:
            raise RenderError(f"{other.urn} and {one.urn} are both {path}: name one of them otherwise.")
        made[path] = one
    return made


def objects(recording: Recording) -> tuple[Resource, ...]:
    """Resources that are Kubernetes objects themselves."""
    return tuple(one for one in recording.of_package("kubernetes") if _is_object(one))


def additions(recording: Recording) -> tuple[Addition, ...]:
    """Charts and kustomizations, by name."""
    found = [_addition(recording, one) for one in recording.of_package("kubernetes") if not _is_object(one)]
    return tuple(sorted(found, key=lambda one: (one.kind, one.name)))


def additions_files(recording: Recording) -> dict[str, str]:
    """``charts.md``, ``charts.json`` and ``charts/<name>.values.yaml``."""
    found = additions(recording)
    rows = [
        [
            code(one.name),
            one.kind,
            code(*(text for text in (one.source, one.repository) if text)),
            code(one.version) if one.version else "**not pinned**",
            code(one.namespace),
            f"[values](charts/{_safe(one.name)}.values.yaml)" if one.values else "none",
            code(one.command),
        ]
        for one in found
    ]
    text = (
        "# What is not rendered\n\n"
        "Pulumi's Kubernetes provider renders Helm charts and kustomizations when the stack is deployed. What they add"
        " is what\ntheir source holds at this version with these values; the last column shows it where the source can"
        " be reached.\n\n"
    )
    columns = ["name", "kind", "source", "version", "namespace", "values", "look at it by"]
    return {
        "charts.md": text + table(columns, rows),
        "charts.json": as_json([asdict(replace(one, component="")) for one in found]),
        **{f"charts/{_safe(one.name)}.values.yaml": as_yaml(one.values) for one in found if one.values},
    }


def _path(resource: Resource) -> str:
    metadata = resource.inputs.get("metadata") or {}
    name, namespace = metadata.get("name") or resource.name, metadata.get("namespace") or "_cluster"
    folder = "secrets" if resource.inputs["kind"] == "Secret" else "kubernetes"
    return f"{folder}/{_safe(namespace)}/{file_name(resource.inputs['kind'], name)}.yaml"


def _is_object(resource: Resource) -> bool:
    return {"apiVersion", "kind"} <= resource.inputs.keys()


def _addition(recording: Recording, resource: Resource) -> Addition:
    given = dict(plain(resource.inputs))
    repository = (given.pop("repositoryOpts", None) or {}).get("repo", "")
    source = next((str(given.pop(key)) for key in ("chart", "directory", "files", "file") if key in given), "")
    above = recording.with_urn(resource.parent)
    stated = above.outputs.get("version", "") if above else ""
    version = str(given.pop("version", "")) or source.partition("?ref=")[2] or str(stated)
    given.pop("name", None)
    return Addition(
        name=resource.name,
        kind=resource.kind,
        source=source,
        repository=repository,
        version=version,
        namespace=given.pop("namespace", ""),
        component=resource.parent,
        values=given.pop("values", None) or {},
        settings=given,
    )


def _header(resource: Resource, places: Mapping[str, str]) -> str:
    """What Pulumi knows of an object beside its manifest, as comments."""
    lines = [f"# {places[resource.urn]}"]
    if resource.protect:
        lines.append("# protected: Pulumi refuses to delete it")
    if resource.retain_on_delete:
        lines.append("# stays when Pulumi forgets it")
    if resource.ignore_changes:
        lines.append(f"# changes not applied: {', '.join(sorted(resource.ignore_changes))}")
    lines += [f"# after {place}" for place in sorted(places.get(urn, urn) for urn in resource.depends_on)]
    return "".join(f"{line}\n" for line in lines)


def file_name(kind: str, name: str) -> str:
    """``<Kind>-<name>`` without a character that some file system refuses."""
    return _safe(f"{kind}-{name}")


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)
