"""The platform contract as a file of environment variables, for shells and for the pipeline runner."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from infra.local.provider import READY, LocalProvider
from infra.local.supervisor import write_private


class EnvironmentFileProvider(LocalProvider):
    """Writes the file, readable by its owner only."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return props["path"]

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        write_private(Path(props["path"]), render(props["environment"]))
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        path = Path(props["path"])
        return READY if path.exists() and path.read_text() == render(props["environment"]) else "changed"

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        Path(_props["path"]).unlink(missing_ok=True)


def render(environment: Mapping[str, str]) -> str:
    """``export NAME=value`` lines that any POSIX shell reads."""
    return "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in sorted(environment.items()))


def parse(text: str) -> dict[str, str]:
    """The inverse of ``render``."""
    words = shlex.split(text)
    return dict(word.split("=", 1) for word in words if word != "export")


class EnvironmentFile(Resource, module="local", name="EnvironmentFile"):
    """``.local/platform.env``."""

    def __init__(
        self,
        name: str,
        *,
        path: Path,
        environment: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"path": str(path), "environment": dict(environment), "status": None}
        super().__init__(EnvironmentFileProvider(), name, props, opts)
