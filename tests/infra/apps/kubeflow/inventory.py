"""Takes stock of upstream's objects, as facts for tests that run without network:

    python tests/infra/apps/kubeflow/inventory.py > tests/infra/apps/kubeflow/upstream-<version>.toml

It asks `kubectl kustomize` for every remote base that infra/apps/kubeflow/kustomization names, unpatched. Given files,
it reads those instead: objects that were rendered elsewhere.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

KUSTOMIZATION = Path(__file__).parents[4] / "infra/apps/kubeflow/kustomization"


def bases() -> list[str]:
    """Every remote base."""
    files = sorted(KUSTOMIZATION.glob("*/kustomization.yaml"))
    return [base for file in files for base in yaml.safe_load(file.read_text())["resources"]]


def rendered(base: str) -> str:
    """A base's objects as YAML.

    Raises:
        subprocess.CalledProcessError: kubectl failed; its message is on stderr.
    """
    return subprocess.run(["kubectl", "kustomize", base], check=True, stdout=subprocess.PIPE, text=True).stdout


def source(variable: Mapping[str, Any]) -> str:
    """Where a variable's value comes from: ``text``, ``field``, ``ConfigMap/name/key`` or ``Secret/name/key``."""
    given = variable.get("valueFrom") or {}
    for kind, title in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if kind in given:
            reference = given[kind]
            return "/".join((title, reference["name"], reference["key"])) + ("?" if reference.get("optional") else "")
    return "field" if given else "text"


def containers(pod: Mapping[str, Any]) -> Iterator[str]:
    """TOML of a pod's containers, in their order."""
    for kind in ("initContainers", "containers"):
        for one in pod.get(kind, []):
            yield f"[[objects.{kind}]]"
            yield f"name = {json.dumps(one['name'])}"
            yield f"image = {json.dumps(one['image'])}"
            yield f"ports = {json.dumps([port['containerPort'] for port in one.get('ports', [])])}"
            yield f"mounts = {json.dumps([mount['mountPath'] for mount in one.get('volumeMounts', [])])}"
            yield f"probes = {json.dumps(sorted(key for key in one if key.endswith('Probe')))}"
            variables = one.get("env", [])
            if variables:
                yield f"[objects.{kind}.variables]"
                yield from (f"{json.dumps(each['name'])} = {json.dumps(source(each))}" for each in variables)


def described(one: Mapping[str, Any]) -> Iterator[str]:
    """TOML of an object."""
    yield "[[objects]]"
    yield f"kind = {json.dumps(one['kind'])}"
    yield f"name = {json.dumps(one['metadata']['name'])}"
    if one["kind"] == "ConfigMap":
        yield f"keys = {json.dumps(sorted(one.get('data', {})))}"
    if one["kind"] == "Role":
        yield f"rules = {json.dumps([rule['resources'] for rule in one['rules']])}"
    if one["kind"] == "Service":
        yield f"ports = {json.dumps({port['name']: port['port'] for port in one['spec']['ports']})}".replace(
            '": ', '" = '
        )
        yield f"selector = {json.dumps(one['spec']['selector'])}".replace('": ', '" = ')
    if one["kind"] == "Deployment":
        pod = one["spec"]["template"]["spec"]
        labels = one["spec"]["template"]["metadata"]["labels"]
        yield f"labels = {json.dumps(labels)}".replace('": ', '" = ')
        yield f"account = {json.dumps(pod.get('serviceAccountName', 'default'))}"
        yield f"volumes = {json.dumps([volume['name'] for volume in pod.get('volumes', [])])}"
        yield from containers(pod)


def main(files: Sequence[str]) -> None:
    """Write the inventory to stdout."""
    texts = [Path(file).read_text() for file in files] or [rendered(base) for base in bases()]
    objects = [one for text in texts for one in yaml.safe_load_all(text) if one]
    print("# Facts about upstream's objects; tests/infra/apps/kubeflow/inventory.py writes this file.")
    for one in sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"])):
        print("\n" + "\n".join(described(one)))


if __name__ == "__main__":
    main(sys.argv[1:])
