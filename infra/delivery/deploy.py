"""`python -m infra.delivery.deploy`: bring an environment to what the sources describe, or show what would change.

Usage: ``deploy --environment dev [--apply]``. In the cloud it is the stack of that name, held to preflight and to the
policy pack; where ``KEELSON_ENVIRONMENTS`` is set it is a stack `local` below that folder.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.delivery import outputs
from infra.delivery.cloud_release import PACK, bundle_setting
from infra.delivery.ledger import Ledger
from infra.delivery.machine import Machine, MachineError, MachineSettings, machine
from infra.delivery.promotion import ENVIRONMENTS, environment_before
from infra.delivery.settings import job
from infra.repository.github import GitHubError


def cloud_commands(stack: str, bundle: str | None, *, apply: bool) -> list[list[str]]:
    """What is run for a stack in the cloud, one after another; each must succeed.

    Args:
        stack: Its name.
        bundle: Tag of the bundle that goes on being served; the ledger knows it, not the sources.
        apply: Deploy; otherwise only show what would change.
    """
    python, pulumi = sys.executable, ["pulumi"]
    options = ["--stack", stack, "--policy-pack", PACK, "--non-interactive", *bundle_setting(bundle)]
    shown = [
        [python, "-m", "infra.policies.environment"],
        [python, "-m", "infra.operations.preflight", "--stack", stack],
        [*pulumi, "preview", *options, "--diff"],
    ]
    return [*shown, [*pulumi, "up", *options, "--yes"]] if apply else shown


def to_machine(place: Machine, workspace: Path) -> None:
    """Bring an environment on this machine to the sources at ``workspace``.

    Raises:
        MachineError: A command failed.
    """
    place.take_sources(workspace)
    told = place.up()
    outputs.give({"serving": told["prediction"]["bundle"], "champion": told["champion"]["version"]})


def main(
    environment: Annotated[str, typer.Option(help=", ".join(ENVIRONMENTS))],
    apply: Annotated[bool, typer.Option("--apply", help="deploy; otherwise only show what would change")] = False,
) -> None:
    """Deploy."""
    settings = MachineSettings()
    try:
        environment_before(environment)
        if settings.folder is not None:
            if apply:
                to_machine(machine(environment, settings), Path.cwd())
            return
        bundle = Ledger(job().github()).served(environment)
    except (GitHubError, MachineError, ValueError) as error:
        sys.exit(f"deploy: {error}")
    for command in cloud_commands(environment, bundle, apply=apply):
        print(f"$ {' '.join(command)}", flush=True)
        done = subprocess.run(command, check=False)
        if done.returncode != 0:
            sys.exit(f"deploy: `{' '.join(command)}` failed with status {done.returncode}")


if __name__ == "__main__":
    typer.run(main)
