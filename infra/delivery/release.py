"""`python -m infra.delivery.release`: try a bundle in an environment, and let its new model answer, or take it back.

Usage: ``release --environment staging --bundle TAG [--patience SECONDS] [--interval SECONDS]``. Outputs: ``outcome``,
``champion`` and ``reason``. Exit status 1: it was taken back or held, and what answered before goes on answering.
"""

import sys
from typing import Annotated

import typer

from infra.delivery import cloud_release, outputs
from infra.delivery.cloud import cloud
from infra.delivery.ledger import Ledger
from infra.delivery.machine import MachineError, MachineSettings, machine
from infra.delivery.promotion import ENVIRONMENTS, environment_before
from infra.delivery.settings import job
from infra.operations.account import AccountError
from infra.operations.cluster_api import ClusterGone, ClusterUnreachable
from infra.operations.pulumi_cli import PulumiError
from infra.repository.github import GitHubError

# A canary of pods takes about twenty minutes, and waits for callers where there are few.
_CLUSTER_SECONDS = 5400.0
_GOOD = ("released", "nothing to do")
_FAILURES = (AccountError, ClusterGone, ClusterUnreachable, GitHubError, MachineError, PulumiError, ValueError)


def main(
    environment: Annotated[str, typer.Option(help=", ".join(ENVIRONMENTS))],
    bundle: Annotated[str, typer.Option(help="tag of a bundle that is in the environment")],
    patience: Annotated[float | None, typer.Option(min=1, help="seconds: of a stage, on a cluster of it all")] = None,
    interval: Annotated[float | None, typer.Option(min=0.5, help="seconds between two looks at the logs")] = None,
) -> None:
    """Release."""
    settings = MachineSettings()
    try:
        before = environment_before(environment)
        if settings.folder is None:
            served = Ledger(job().github()).served(environment)
            told = cloud_release.release(
                environment, cloud().region, bundle, served, patience=patience or _CLUSTER_SECONDS
            )
        else:
            given = {"--patience": patience, "--interval": interval}
            options = [part for name, value in given.items() if value is not None for part in (name, str(value))]
            # Nobody calls the first one.
            here = ["--made-here"] if before is None else []
            told = machine(environment, settings).module(
                "infra.local.release_bundle", "release", "--bundle", bundle, *options, *here
            )
    except _FAILURES as error:
        sys.exit(f"release: {error}")
    outputs.give({name: told[name] for name in ("outcome", "champion", "reason")})
    if told["outcome"] not in _GOOD:
        sys.exit(f"release: {told['outcome']}: {told['reason']}")


if __name__ == "__main__":
    typer.run(main)
