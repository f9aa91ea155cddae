"""`python -m infra.delivery.bundle`: bring a bundle to an environment, with the digest by which it is promoted.

Usage: ``bundle --environment dev`` builds it, of the version that answers and of the one that the gate let through; in
the cloud ``--bundle`` names an image that was pushed there. ``bundle --environment staging --bundle TAG`` takes it over
from the environment before, once its digest is the one that was deployed there. Outputs: ``bundle``, ``digest``. Exit
status 1: there is none, it was changed, or nobody tried it.
"""

import sys
from typing import Annotated

import typer

from infra.delivery import handover, outputs
from infra.delivery.cloud import cloud
from infra.delivery.handover import HandoverRefused
from infra.delivery.images import ImageError, Images, take_over
from infra.delivery.ledger import Ledger, Record
from infra.delivery.machine import MachineError, MachineSettings, hand_over, machine
from infra.delivery.promotion import ENVIRONMENTS, Kind, environment_before
from infra.delivery.settings import Job, job
from infra.operations.account import Account, AccountError
from infra.repository.github import GitHubError


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
    record = handover.recorded(tag, before, Ledger(told.github()).records(Kind.MODEL, before))
    source, target = machine(before, settings), machine(environment, settings)
    digest = source.client("serving.digest", tag)["digest"]
    handover.check(record, digest)
    _say(record)
    hand_over(tag, source, target)
    arrived = target.client("serving.digest", tag)["digest"]
    if arrived != digest:
        raise HandoverRefused(f"{tag} has digest {digest} in {before}, and {arrived} once it was copied: copy it again")
    return tag, digest


def image_taken_over(told: Job, tag: str, before: str | None, environment: str, region: str) -> tuple[str, str]:
    """Likewise in the cloud, where a bundle is an image; in the first environment it must be there.

    Raises:
        HandoverRefused: It is not what was deployed in the environment before.
        ImageError, AccountError: It is not there, or cannot be copied.
        GitHubError: The ledger cannot be read.
    """
    target = Images(Account(region), environment)
    if before is None:
        return tag, target.digest(tag)
    record = handover.recorded(tag, before, Ledger(told.github()).records(Kind.MODEL, before))
    source = Images(Account(region), before)
    digest = source.digest(tag)
    handover.check(record, digest)
    _say(record)
    take_over(tag, digest, source, target)
    return tag, digest


def bring(environment: str, tag: str, settings: MachineSettings) -> tuple[str, str]:
    """Bring a bundle to an environment; returns its tag and digest.

    Raises:
        ValueError: A tag is missing, or given where there can be none.
    """
    before = environment_before(environment)
    builds = before is None and settings.folder is not None
    if builds and tag:
        raise ValueError(f"{environment} builds its bundle of what waits there; give none")
    if builds:
        return built(environment, settings)
    if not tag:
        raise ValueError(f"give --bundle: the tag of a bundle of {before or environment}")
    if before is None or settings.folder is None:
        return image_taken_over(job(), tag, before, environment, cloud().region)
    return taken_over(job(), tag, before, environment, settings)


def _say(record: Record) -> None:
    print(f"{record.name} is what run {record.run} deployed in {record.environment}", file=sys.stderr)


def main(
    environment: Annotated[str, typer.Option(help=", ".join(ENVIRONMENTS))],
    bundle: Annotated[str, typer.Option(help="tag of the bundle; the first environment builds its own")] = "",
) -> None:
    """Bring a bundle to an environment."""
    try:
        tag, digest = bring(environment, bundle, MachineSettings())
    except (AccountError, GitHubError, HandoverRefused, ImageError, MachineError, ValueError) as error:
        sys.exit(f"bundle: {error}")
    outputs.give({"bundle": tag, "digest": digest})


if __name__ == "__main__":
    typer.run(main)
