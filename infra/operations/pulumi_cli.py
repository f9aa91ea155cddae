"""Pulumi's command line on a cloud stack, whose state lies in the account's state bucket."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.render.engine import ROOT

BACKEND = "PULUMI_BACKEND_URL"


class PulumiError(RuntimeError):
    """A Pulumi command could not be started or failed; its own output says why."""


@dataclass(frozen=True, kw_only=True)
class PulumiCli:
    """Pulumi on one stack.

    Attributes:
        environment: All environment variables that Pulumi gets.
        root: Folder of ``Pulumi.yaml``.
    """

    stack: str
    environment: Mapping[str, str] = field(repr=False)
    root: Path = ROOT

    def run(self, *arguments: str, quiet: bool = False, more: Mapping[str, str] | None = None) -> str:
        """Run one command on the stack; return its standard output if ``quiet``, else let the user see it.

        Args:
            more: Environment variables of this command alone.

        Raises:
            PulumiError: There is no Pulumi, or it exited non-zero; if ``quiet``, the message holds what it printed.
        """
        try:
            done = subprocess.run(
                ["pulumi", *arguments, "--stack", self.stack, "--non-interactive"],
                cwd=self.root,
                env={**self.environment, **(more or {})},
                # Standard output stays free for a command's own result.
                stdout=subprocess.PIPE if quiet else sys.stderr,
                stderr=subprocess.PIPE if quiet else None,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise PulumiError("Pulumi is not on PATH: run `make env`, or install Pulumi") from None
        if done.returncode != 0:
            raise PulumiError(f"pulumi {' '.join(arguments)} failed\n{done.stdout or ''}{done.stderr or ''}".strip())
        return done.stdout or ""

    def up(self, *, cluster_gone: bool) -> None:
        """Bring about what the program describes.

        Args:
            cluster_gone: Objects inside the cluster cannot be deleted any more and leave the state unasked.
        """
        # A refresh would ask the cluster for each of its objects.
        refresh = [] if cluster_gone else ["--refresh"]
        self.run("up", "--yes", "--skip-preview", "--suppress-outputs", *refresh, more=_unreachable(cluster_gone))

    def destroy(self, *, cluster_gone: bool) -> None:
        """Destroy all that the state knows of; ``cluster_gone`` as in ``up``."""
        self.run("destroy", "--yes", "--skip-preview", "--suppress-outputs", more=_unreachable(cluster_gone))

    def set(self, path: str, value: str) -> None:
        """Write a setting, ``database.restore-from``, into the stack's file."""
        self.run("config", "set", "--path", path, value, quiet=True)

    def resources(self) -> list[dict[str, Any]]:
        """What the state knows, secrets still encrypted; nothing where the stack was never made.

        Raises:
            PulumiError: The state cannot be read.
        """
        try:
            exported = json.loads(self.run("stack", "export", quiet=True))
        except PulumiError as error:
            if "no stack named" in str(error):
                return []
            raise
        return (exported.get("deployment") or {}).get("resources") or []


def _unreachable(cluster_gone: bool) -> dict[str, str]:
    return {"PULUMI_K8S_DELETE_UNREACHABLE": "true"} if cluster_gone else {}


def at_edge(stack: str, environment: Mapping[str, str]) -> PulumiCli:
    """Pulumi as this process's environment describes it.

    Raises:
        PulumiError: The environment does not say where the state lies.
    """
    if not environment.get(BACKEND):
        raise PulumiError(
            f"{BACKEND} is not set: give the stack's folder in the state bucket, such as "
            f"'s3://keelson-state-<account>-<region>/{stack}?region=<region>&awssdk=v2'; docs/bootstrap.md says more"
        )
    return PulumiCli(stack=stack, environment=with_tools(environment))


def with_tools(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the clone's own programs first on PATH."""
    tools = [str(Path(sys.executable).parent), str(ROOT / ".local" / "bin"), environment.get("PATH", "")]
    return {**environment, "PATH": os.pathsep.join(tools), "PULUMI_SKIP_UPDATE_CHECK": "true"}
