"""Custom resources and their schemas, out of the Go modules that define them, at the versions of the charts.

A module is checked against Go's checksum database as it is downloaded; its definitions are kept in the tools' cache.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.scanning.findings import ScanError
from infra.tools import cache
from infra.tools.gobuild import find_go
from infra.versions import CustomResources, Versions

Schemas = Mapping[tuple[str, str], Mapping[str, Any]]


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a bare ``=`` is a text, which the prometheus operator's definitions use."""


_Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


def load(versions: Versions) -> Schemas:
    """All schemas of the versions file, ``{("karpenter.sh/v1", "NodePool"): OpenAPI schema}``.

    Only what the API server would accept for writing: a version that is not served is left out.

    Raises:
        ScanError: A module cannot be had.
    """
    return {
        (f"{definition['spec']['group']}/{version['name']}", definition["spec"]["names"]["kind"]): _whole(
            version["schema"]["openAPIV3Schema"]
        )
        for definition in definitions(versions)
        for version in definition["spec"]["versions"]
        if version["served"]
    }


def definitions(versions: Versions) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions themselves, as their modules have them.

    Raises:
        ScanError: A module cannot be had.
    """
    store = cache.locate(dict(os.environ))
    found: list[dict[str, Any]] = []
    for name, source in versions.custom_resources.items():
        folder = _folder(store, name, source, source.version_for(versions.charts[name]))
        found += json.loads((folder / "definitions.json").read_text())
    return found


def _folder(store: cache.Cache, name: str, source: CustomResources, version: str) -> Path:
    place = store.tools / "custom-resource-definitions" / f"{name}-{version}"
    if place.is_dir():
        return place
    with store.lock(f"custom-resources-{name}", lambda: None), store.staging(f"custom-resources-{name}") as staged:
        if not place.is_dir():
            module = _download(store, f"{source.module}@{version}")
            found = _definitions(module / source.folder)
            if not found:
                raise ScanError(f"{source.module}@{version} has no custom resource definitions in {source.folder}")
            (staged / "definitions.json").write_text(json.dumps(found))
            cache.put(staged, place)
    return place


def _download(store: cache.Cache, module: str) -> Path:
    """Folder of a module's source."""
    go = find_go(os.environ.get("PATH", ""))
    if go is None:
        raise ScanError(f"the schemas of {module} come with Go: install it (https://go.dev/dl)")
    environment = {**os.environ, **store.go_environment(), "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    command = [go, "mod", "download", "-json", module]
    result = subprocess.run(command, cwd=store.root, env=environment, capture_output=True, text=True, check=False)
    answer = json.loads(result.stdout or "{}")
    if "Dir" not in answer:
        raise ScanError(f"`go mod download {module}` failed: {answer.get('Error') or result.stderr.strip()}")
    return Path(answer["Dir"])


def _definitions(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.yaml"))
    # A safe loader: it makes plain data alone.
    documents = (one for file in files for one in yaml.load_all(file.read_text(), Loader=_Loader))
    return [document for document in documents if document and document["kind"] == "CustomResourceDefinition"]


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """Every object has these three, whether its definition says so or not."""
    known = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return {**schema, "properties": {**schema.get("properties", {}), **known}}
