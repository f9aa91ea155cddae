"""Environments on one machine: each a clone of the project below one folder, with its own stack `local`.

For a team without a cloud account, on a runner of its own, and for the tests of the workflows.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.delivery.promotion import ENVIRONMENTS, environment_before
from infra.settings import PORTS_PER_STACK

# A job's token has no business in services that outlive it, and GitHub's runner ends what carries its tracking id.
_OF_THE_JOB = ("GITHUB_", "RUNNER_", "ACTIONS_", "INPUT_", "AWS_", "PULUMI_")


class MachineSettings(BaseSettings):
    """Variables of the repository that put the environments on the runner's own machine.

    Attributes:
        folder: Holds a clone for each environment; None where they are in the cloud.
        port_base: First port of the first environment.
        rows: Generated trips of each environment's first training.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    folder: Annotated[Path | None, Field(validation_alias="KEELSON_ENVIRONMENTS")] = None
    port_base: Annotated[int, Field(validation_alias="KEELSON_PORT_BASE", ge=1024, le=60_000)] = 18_000
    rows: Annotated[int, Field(validation_alias="KEELSON_ROWS", ge=1000)] = 200_000


class MachineError(RuntimeError):
    """A command in an environment failed; its own output says why."""


@dataclass(frozen=True)
class Machine:
    """One environment on this machine.

    Attributes:
        root: Its clone.
        environment: Which.
        port_base: First of its ports.
        rows: Generated trips of its first training.
    """

    root: Path
    environment: str
    port_base: int
    rows: int

    @property
    def bundles(self) -> Path:
        """Where its bundles lie, each in ``<name>/<version>``."""
        return self.root / ".local" / "bentoml" / "bentos"

    def take_sources(self, workspace: Path) -> None:
        """Bring the clone to the commit that is checked out at ``workspace``.

        Raises:
            MachineError: Git failed, or somebody has edited the clone.
        """
        if not (self.root / ".git").exists():
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self._run(["git", "clone", "--quiet", "--no-checkout", str(workspace), str(self.root)], workspace)
        self._run(["git", "fetch", "--quiet", "--no-tags", str(workspace), "HEAD"])
        self._run(["git", "checkout", "--quiet", "--detach", "FETCH_HEAD"])

    def up(self) -> dict[str, Any]:
        """Bring the stack to what its sources describe; returns the JSON line of ``make up``."""
        # What a retraining makes behind the first one waits: promoted bundles hold another model of the same number.
        releases = [] if environment_before(self.environment) is None else ["SET=monitor.releases=false"]
        return self._told(["make", "up", f"ROWS={self.rows}", f"PORT_BASE={self.port_base}", *releases])

    def module(self, name: str, *arguments: str) -> dict[str, Any]:
        """Run a module as the environment's own code; returns the JSON line that it prints last.

        Raises:
            MachineError: The module failed, or nothing was deployed there yet.
        """
        python = self.root / ".venv" / "bin" / "python"
        if not python.exists():
            raise MachineError(f"{self.environment} has no stack in {self.root}: deploy there first")
        return self._told([str(python), "-m", name, *arguments])

    def client(self, name: str, *arguments: str) -> dict[str, Any]:
        """Likewise, as a client of the running stack."""
        return self.module("infra.local.client", name, *arguments)

    def _told(self, command: list[str]) -> dict[str, Any]:
        lines = self._run(command).strip().splitlines()
        try:
            return json.loads(lines[-1])
        except (IndexError, ValueError):
            raise MachineError(f"`{' '.join(command)}` did not end with a line of JSON") from None

    def _run(self, command: list[str], folder: Path | None = None) -> str:
        print(f"{self.environment}$ {' '.join(command)}", file=sys.stderr, flush=True)
        done = subprocess.run(
            command,
            cwd=folder or self.root,
            env=environment_of_services(os.environ),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr, flush=True)
            raise MachineError(f"`{' '.join(command)}` failed in {self.environment} with status {done.returncode}")
        return done.stdout


def environment_of_services(given: Mapping[str, str]) -> dict[str, str]:
    """What of a job's environment goes to a stack: nothing of the job, and none of the workspace's programs."""
    own = Path(sys.prefix)
    kept = {name: value for name, value in given.items() if not name.startswith(_OF_THE_JOB) and name != "VIRTUAL_ENV"}
    path = [entry for entry in given.get("PATH", "").split(os.pathsep) if not Path(entry).is_relative_to(own.parent)]
    return kept | {"PATH": os.pathsep.join(path)}


def machine(environment: str, settings: MachineSettings) -> Machine:
    """An environment on this machine.

    Raises:
        ValueError: There is no such environment, or no folder is set.
    """
    environment_before(environment)
    if settings.folder is None:
        raise ValueError("KEELSON_ENVIRONMENTS is not set: it names the folder of the environments on this machine")
    base = settings.port_base + PORTS_PER_STACK * ENVIRONMENTS.index(environment)
    return Machine(settings.folder.absolute() / environment, environment, base, settings.rows)


def hand_over(tag: str, source: Machine, target: Machine) -> None:
    """Copy a bundle from one environment's store to another's; all of it is there or nothing.

    Raises:
        MachineError: The source has no such bundle.
    """
    there, here = (place.bundles.joinpath(*tag.split(":")) for place in (source, target))
    if not there.is_dir():
        raise MachineError(f"{source.environment} has no bundle {tag}; the bundles that it has are in {source.bundles}")
    # Also over one that is there: it may be damaged, and the copy is looked at afterwards.
    staged = here.with_name(f".{here.name}.taken")
    shutil.rmtree(staged, ignore_errors=True)
    here.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(there, staged, symlinks=True)
    shutil.rmtree(here, ignore_errors=True)
    staged.rename(here)
