"""Strict schemas: unknown fields are refused and required ones demanded, as the API server of the version would."""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import kubernetes_validate
from jsonschema import Draft202012Validator
from kubernetes_validate.utils import all_versions, major_minor

from infra.scanning.custom_resources import Schemas
from infra.scanning.findings import Finding, ScanError
from infra.scanning.objects import KubernetesObject, as_known

# Custom resources whose pods have no schema in their own definition, or a loose one.
_WITH_PODS = {"Rollout"}
# Marks an object of a definition that keeps fields which the definition does not name.
_OPEN = "x-kubernetes-preserve-unknown-fields"


def scan(objects: Sequence[KubernetesObject], *, version: str, custom: Callable[[], Schemas]) -> list[Finding]:
    """Validate each object.

    Args:
        version: Kubernetes version, such as ``1.30``.
        custom: Gives the schemas of custom resources; asked once, and only when there is one among the objects.

    Raises:
        ScanError: The installed library has no schemas of ``version``.
    """
    # Left to itself the library takes the newest schemas that it has.
    if version not in map(major_minor, all_versions()):
        raise ScanError(
            f"the installed kubernetes-validate has no schemas of Kubernetes {version}: "
            "move it in pyproject.toml as well"
        )
    findings: list[Finding] = []
    others: list[KubernetesObject] = []
    for one in objects:
        try:
            findings += _builtin(one, one.manifest, version)
        except kubernetes_validate.SchemaNotFoundError:
            others.append(one)
    if others:
        schemas = custom()
        for one in others:
            findings += _custom(one, schemas, version)
    return findings


def _builtin(one: KubernetesObject, manifest: Mapping[str, Any], version: str) -> list[Finding]:
    error = _error(json.dumps(manifest, sort_keys=True), version)
    return [_finding(one, *error)] if error else []


@functools.cache
def _error(manifest: str, version: str) -> tuple[tuple[Any, ...], str] | None:
    """Place and message; kept, since most objects are the same in every stack and the library reads its files anew."""
    try:
        kubernetes_validate.validate(json.loads(manifest), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return tuple(error.absolute_path), error.message
    return None


def _custom(one: KubernetesObject, schemas: Schemas, version: str) -> list[Finding]:
    schema = schemas.get((one.manifest["apiVersion"], one.kind))
    if schema is None:
        return [
            _finding(
                one,
                ["kind"],
                f"Kubernetes {version} has no {one.manifest['apiVersion']} {one.kind}, nor has any custom resource "
                "definition of infra/versions.toml",
            )
        ]
    errors = Draft202012Validator(strict(schema)).iter_errors(one.manifest)
    findings = [_finding(one, error.absolute_path, error.message) for error in errors]
    # Labels, annotations and names follow the built-in rules, whatever the kind.
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": one.manifest["metadata"]}
    findings += _builtin(one, bare, version)
    if one.kind in _WITH_PODS:
        findings += _builtin(one, as_known(one).manifest, version)
    return findings


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A custom resource's OpenAPI schema as a JSON schema that refuses unknown fields."""
    made = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in made:
        made["properties"] = {name: strict(inner) for name, inner in made["properties"].items()}
    for inner in ("items", "additionalProperties"):
        if isinstance(made.get(inner), Mapping):
            made[inner] = strict(made[inner])
    # Alternatives (anyOf, oneOf, allOf) name fields of the schema around them: they stay open.
    if "properties" in made and "additionalProperties" not in made and not schema.get(_OPEN):
        made["additionalProperties"] = False
    if made.pop("nullable", False) and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


def _finding(one: KubernetesObject, path: Iterable[Any], message: str) -> Finding:
    where = ".".join(str(part) for part in path)
    short = message if len(message) <= 200 else f"{message[:100]} … {message[-90:]}"
    return Finding(
        file=one.file,
        reference=one.reference,
        scanner="schema",
        rule=f"Kubernetes schema at {where}" if where else "Kubernetes schema",
        message=short,
    )
