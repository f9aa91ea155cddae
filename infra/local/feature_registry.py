"""The feature store's definitions, applied to its registry whenever they change."""

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from infra.local.provider import READY, LocalProvider


class FeatureRegistryError(RuntimeError):
    """`feast apply` refused the definitions."""


class FeatureRegistryProvider(LocalProvider):
    """Runs `feast apply`, which only writes what differs from the registry."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return "feature-registry"

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        done = subprocess.run(
            props["command"], cwd=props["root"], env=props["environment"], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise FeatureRegistryError(f"feast apply failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        return READY

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """The registry lives in the database, which outlives the stack."""


def definitions_digest(folder: Path) -> str:
    """SHA-256 over the Python and YAML files of the definitions' folder, in path order."""
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.iterdir() if p.suffix in (".py", ".yaml")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


class FeatureRegistry(Resource, module="local", name="FeatureRegistry"):
    """Entities, feature views and services as the code defines them; ``definitions`` is their digest."""

    definitions: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        root: Path,
        environment: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "root": str(root),
            "command": [sys.executable, "-m", "components.features.apply"],
            "environment": dict(environment),
            "definitions": definitions_digest(root / "components" / "features"),
            "status": None,
        }
        super().__init__(FeatureRegistryProvider(), name, props, opts)
