"""`python -m infra.delivery.bundle`: bring a bundle to an environment, with the digest by which it is promoted.

Usage: ``bundle --environment dev`` builds it, of the version that answers and of the one that the gate let through.
``bundle --environment staging --bundle TAG`` takes it over from the environment before, once its digest is the one that
was deployed there. Outputs: ``bundle``, ``digest``. Exit status 1: there is none, it was changed, or nobody tried it.
"""

import sys
from typing import Annotated

import typer

from infra.delivery import handover, outputs
from infra.delivery.github import GitHubError
from infra.delivery.handover import HandoverRefused
from infra.delivery.ledger import Ledger
from infra.delivery.machine import MachineError, MachineSettings, hand_over, machine
from infra.delivery.promotion import ENVIRONMENTS, Kind, environment_before
from infra.delivery.settings import Job, SettingsError, job


def built(environment: str, settings: MachineSettings) -> tuple[str, str]:
    """Build the bundle of what waits in the first environment; returns its tag and digest.

    Raises:
        MachineError: Nothing waits, or it cannot be built.
    """
    place = machine(environment, settings)
    tag = place.module("infra.local.release_bundle", "candidate")["tag"]
    return tag, place.client("serving.digest", tag)["digest"]


def taken_over(told: Job, tag: str, before: str, environment: str, settings: MachineSettings) -> tuple[str, str]:
    """Copy a bundle from the environment before; returns its tag and digest.

    Raises:
        HandoverRefused: It is not what was deployed there, or was damaged on the way.
        MachineError: It is not there, or a file of it was changed.
        GitHubError: The ledger cannot be read.
    """
    source, target = machine(before, settings), machine(environment, settings)
    digest = source.client("serving.digest", tag)["digest"]
    record = handover.check(tag, digest, before, Ledger(told.github()).records(Kind.MODEL, before))
    hand_over(tag, source, target)
    arrived = target.client("serving.digest", tag)["digest"]
    if arrived != digest:
        raise HandoverRefused(f"{tag} has digest {digest} in {before}, and {arrived} once it was copied: copy it again")
    print(f"{tag} is what run {record.run} deployed in {before}", file=sys.stderr)
    return tag, digest


def main(
    environment: Annotated[str, typer.Option(help=", ".join(ENVIRONMENTS))],
    bundle: Annotated[str, typer.Option(help="tag of the bundle; the first environment builds its own")] = "",
) -> None:
    """Bring a bundle to an environment."""
    settings = MachineSettings()
    try:
        before = environment_before(environment)
        if before is None:
            if bundle:
                raise ValueError(f"{environment} builds its bundle of what waits there; give none")
            tag, digest = built(environment, settings)
        elif not bundle:
            raise ValueError(f"give --bundle: the tag of a bundle that was released in {before}")
        else:
            tag, digest = taken_over(job(), bundle, before, environment, settings)
    except (GitHubError, HandoverRefused, MachineError, SettingsError, ValueError) as error:
        sys.exit(f"bundle: {error}")
    outputs.give({"bundle": tag, "digest": digest})


if __name__ == "__main__":
    typer.run(main)
