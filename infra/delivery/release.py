"""`python -m infra.delivery.release`: try a bundle in an environment, and let its new model answer, or take it back.

Usage: ``release --environment staging --bundle TAG [--patience SECONDS] [--interval SECONDS]``. Outputs: ``outcome``,
``champion`` and ``reason``. Exit status 1: it was taken back or held, and what answered before goes on answering.
"""

import sys
from typing import Annotated

import typer

from infra.delivery import outputs
from infra.delivery.machine import MachineError, MachineSettings, machine
from infra.delivery.promotion import ENVIRONMENTS, environment_before

_GOOD = ("released", "nothing to do")


def main(
    environment: Annotated[str, typer.Option(help=", ".join(ENVIRONMENTS))],
    bundle: Annotated[str, typer.Option(help="tag of a bundle that was brought to the environment")],
    patience: Annotated[str, typer.Option(help="seconds that a stage may take before the release holds")] = "900",
    interval: Annotated[str, typer.Option(help="seconds between two looks at the logs")] = "10",
) -> None:
    """Release."""
    # Nobody calls the first one.
    here = ["--made-here"] if environment_before(environment) is None else []
    options = ["--bundle", bundle, "--patience", patience, "--interval", interval, *here]
    try:
        told = machine(environment, MachineSettings()).module("infra.local.release_bundle", "release", *options)
    except (MachineError, ValueError) as error:
        sys.exit(f"release: {error}")
    outputs.give({name: told[name] for name in ("outcome", "champion", "reason")})
    if told["outcome"] not in _GOOD:
        sys.exit(f"release: {told['outcome']}: {told['reason']}")


if __name__ == "__main__":
    typer.run(main)
