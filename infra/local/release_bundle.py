"""Bring a bundle before the callers that was made in another stack, or make the one that is to go on to others.

Usage: ``python -m infra.local.release_bundle candidate | release --bundle TAG [--made-here] [--patience SECONDS]
[--interval SECONDS]``. Nothing is built anew: the bundle must hold the model that answers here, to the byte, and beside
it the one that is tried. The last line on standard output is one line of JSON with what came of it.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.local import client, pulumi_cli, release
from infra.local.layout import Layout
from infra.tools.program import MissingProgramError

ROOT = Path(__file__).resolve().parent.parent.parent

cli = typer.Typer(add_completion=False)


class NotComparable(RuntimeError):
    """The bundle cannot be tried beside what answers here; the message says why and what to do."""


@cli.command()
def candidate() -> None:
    """Build the bundle of the version that answers and of the one that the gate let through since."""
    layout = Layout(ROOT)
    try:
        plan = client.result(layout, release.MODULE, "plan")
        if plan["challenger"] is None:
            sys.exit(f"release_bundle: version {plan['champion']} answers, and no other waits; train one first")
        print(json.dumps({"tag": release.built(layout, plan["champion"], plan["challenger"])}))
    except client.ClientFailed as error:
        sys.exit(f"release_bundle: {error}")


@cli.command(name="release")
def release_bundle(
    bundle: Annotated[str, typer.Option(help="tag of a bundle in this stack's store")],
    made_here: Annotated[
        bool,
        typer.Option("--made-here", help="nobody calls this stack: the load test decides, and its registry is told"),
    ] = False,
    patience: release.Patience = 900,
    interval: release.Interval = 10,
) -> None:
    """Try a bundle's other version beside the one that answers, and let it answer all, or take it back."""
    layout, console = Layout(ROOT), Console(stderr=True)
    try:
        release.after_an_interruption(layout, console)
        served = client.result(layout, release.MODULE, "plan")
        plan = {**served, "challenger": tried(layout, served, bundle)}
        if plan["challenger"] is None:
            print(
                json.dumps({"outcome": "nothing to do", "champion": plan["champion"], "reason": "it answers already"})
            )
            return
        decision = release.load_test(layout, console, bundle, serves=served["bundle"])
        if decision is None:
            release.deploy(layout, console, plan["champion"], bundle)
            if made_here:
                decision = {"action": "advance", "stage": "load test", "reasons": ["it meets its budgets"]}
            else:
                decision = release.try_out(layout, console, plan, patience=patience, interval=interval)
        release.finish(layout, console, plan, decision, registered=made_here)
    except (client.ClientFailed, pulumi_cli.PulumiError, MissingProgramError, NotComparable) as error:
        sys.exit(f"release_bundle: {error}")


def tried(layout: Layout, served: dict[str, Any], bundle: str) -> str | None:
    """The version of a bundle that does not answer here yet; None where it does.

    Raises:
        NotComparable: The bundle does not hold what answers here, or nothing beside it.
        infra.local.client.ClientFailed: One of both bundles is missing or damaged.
    """
    now, then = (client.result(layout, "serving.digest", tag)["models"] for tag in (served["bundle"], bundle))
    if served["bundle"] == bundle and served["champion"] == max(then, key=int):
        return None
    return challenger(served["champion"], now, then, bundle)


def challenger(answers: str, now: Mapping[str, str], then: Mapping[str, str], bundle: str) -> str:
    """The version to try of a bundle. Pure.

    Args:
        answers: Version that answers.
        now: SHA-256 of each model of the bundle that is served, by version.
        then: The same of the bundle that is to be tried.
        bundle: Its tag.

    Raises:
        NotComparable: It does not hold what answers, to the byte, or nothing beside it.
    """
    if then.get(answers) != now[answers]:
        raise NotComparable(
            f"version {answers} answers here, with SHA-256 {now[answers]}, and {bundle} holds {dict(then)}: first "
            "release the bundle that brought it, or train this bundle's challenger against what answers"
        )
    others = sorted(then.keys() - {answers}, key=int)
    if not others:
        raise NotComparable(f"{bundle} holds version {answers} alone, which answers already")
    return others[-1]


if __name__ == "__main__":
    cli()
