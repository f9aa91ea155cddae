"""`make release` and `make rollback`: another model version answers, by way of the stack's configuration.

Usage: ``python -m infra.local.release release [--patience SECONDS] [--interval SECONDS] | rollback --reason TEXT``. A
release loads a bundle of the version that answers and the one that the gate let through by itself, deploys it, tries
the second in shadow and for growing shares of the requests, and then lets it answer all, or takes it back. Each step is
`pulumi up`, so the stack's state says what is served, and a release that was interrupted leaves a stack that serves.
The last line on standard output is one line of JSON with what came of it.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.local import client, pulumi_cli
from infra.local.layout import Layout
from infra.local.up import deployed_bundle, up
from infra.tools.program import MissingProgramError, program

ROOT = Path(__file__).resolve().parent.parent.parent
MODULE = "serving.release"
# A release that could not decide: neither good nor bad.
HELD = 3

cli = typer.Typer(add_completion=False)

Patience = Annotated[float, typer.Option(min=1, help="seconds that a stage may take before the release holds")]
Interval = Annotated[float, typer.Option(min=0.5, help="seconds between two looks at the logs")]


@cli.command()
def release(patience: Patience = 900, interval: Interval = 10) -> None:
    """Bring the version that the gate let through before the callers, step by step."""
    layout, console = Layout(ROOT), Console(stderr=True)
    try:
        after_an_interruption(layout, console)
        plan = client.result(layout, MODULE, "plan")
        if plan["challenger"] is None:
            console.print(f"version {plan['champion']} answers, and no other waits")
            print(json.dumps({"outcome": "nothing to do", "champion": plan["champion"]}))
            return
        tag = built(layout, plan["champion"], plan["challenger"])
        decision = load_test(layout, console, tag, serves=plan["bundle"])
        if decision is None:
            deploy(layout, console, plan["champion"], tag)
            decision = try_out(layout, console, plan, patience=patience, interval=interval)
        finish(layout, console, plan, decision)
    except (client.ClientFailed, pulumi_cli.PulumiError, MissingProgramError) as error:
        sys.exit(f"make release: {error}")


@cli.command()
def rollback(reason: Annotated[str, typer.Option(help="why, for those who read the model version")]) -> None:
    """Let the champion before this one answer again."""
    layout, console = Layout(ROOT), Console(stderr=True)
    if not reason.strip():
        sys.exit("make rollback: say why: REASON='version 7 answers too slowly'")
    try:
        after_an_interruption(layout, console)
        plan = client.result(layout, MODULE, "plan")
        champion, previous = plan["champion"], plan["previous"]
        if previous is None:
            sys.exit(f"make rollback: there was no champion before version {champion}; `make promotions` lists them")
        if previous not in plan["variants"]:
            deploy(layout, console, champion, built(layout, champion, previous))
        console.print(f"version {previous} answers in place of version {champion}")
        set_traffic(layout, {"champion": previous})
        told = _settled(layout, champion, previous, "rolled back", reason, by="make rollback")
        print(json.dumps({"outcome": "rolled back", "champion": previous, "says": told["says"]}))
    except (client.ClientFailed, pulumi_cli.PulumiError) as error:
        sys.exit(f"make rollback: {error}")


def after_an_interruption(layout: Layout, console: Console) -> None:
    """Undo what a Pulumi that was killed has left, such as the stack's lock.

    Raises:
        infra.local.pulumi_cli.PulumiError: Another Pulumi is at work on this stack right now.
    """
    for sentence in pulumi_cli.repair(layout):
        console.print(f"repaired: {sentence}")


def built(layout: Layout, champion: str, challenger: str) -> str:
    """Tag of the bundle of both versions, which is built if it is not there."""
    return client.result(layout, "serving.bundle", "--champion", champion, "--challenger", challenger)["tag"]


def load_test(layout: Layout, console: Console, tag: str, *, serves: str) -> dict[str, Any] | None:
    """Load the bundle by itself, before any caller meets it; ``serves`` is the tag of the one that they meet.

    Returns:
        None if it meets its budgets, else the decision that ends the release: ``action``, ``reasons`` and ``stage``.
    """
    console.rule(f"[bold]Load test of {tag}", align="left", style="dim")
    vegeta = program("vegeta", group="load")
    with_vegeta = {"PATH": f"{vegeta.parent}{os.pathsep}{client.environment(layout)['PATH']}"}
    found = client.result(layout, "serving.loadtest.candidate", tag, "--serves", serves, variables=with_vegeta)
    if found["met"]:
        return None
    # On a machine on which what serves does no better, nothing was shown about the bundle.
    action = "roll back" if found["told"] else "hold"
    return {"action": action, "reasons": found["reasons"], "stage": "load test"}


def deploy(layout: Layout, console: Console, champion: str, tag: str) -> None:
    """Deploy a bundle of several versions, if another is deployed; the champion goes on answering all."""
    if tag != deployed_bundle(layout):
        # The bundle that comes may not hold a version that was tried before.
        set_traffic(layout, {"champion": champion})
        deploy_bundle(layout, console, tag)


def deploy_bundle(layout: Layout, console: Console, tag: str) -> None:
    """Deploy a bundle that holds every version that the traffic names."""
    console.rule(f"[bold]Deployment of {tag}", align="left", style="dim")
    pulumi_cli.run(layout, "config", "set", "bundle", tag, "--stack", pulumi_cli.STACK)
    up(layout)


def try_out(
    layout: Layout, console: Console, plan: dict[str, Any], *, patience: float, interval: float
) -> dict[str, Any]:
    """Take the challenger through the stages.

    Returns:
        The decision that ended it: ``action``, ``reasons`` and the ``stage``.
    """
    versions = {"champion": plan["champion"], "challenger": plan["challenger"]}
    began = datetime.now(UTC)
    decision: dict[str, Any] = {}
    for number, stage in enumerate(plan["stages"], 1):
        console.rule(f"[bold]Version {plan['challenger']}: {stage['name']}", align="left", style="dim")
        set_traffic(layout, versions | {key: stage[key] for key in ("mode", "percent") if key in stage})
        since, until = datetime.now(UTC), time.monotonic() + patience
        asked = ["--log", str(layout.data / "predictions"), "--release-since", began.isoformat()]
        asked += ["--stage-since", since.isoformat(), *(["--last"] if number == len(plan["stages"]) else [])]
        asked += ["--champion", versions["champion"], "--challenger", versions["challenger"]]
        while True:
            decision = client.result(layout, MODULE, "judge", *asked) | {"stage": stage["name"]}
            console.print(f"{decision['action']}: {'; '.join(decision['reasons'])}")
            if decision["action"] != "hold" or time.monotonic() > until:
                break
            time.sleep(interval)
        if decision["action"] != "advance":
            break
    return decision


def finish(
    layout: Layout, console: Console, plan: dict[str, Any], decision: dict[str, Any], *, registered: bool = True
) -> None:
    """Act on the last decision, and say so on the model version.

    Args:
        registered: The versions are those of this stack's registry, which is told; those of a bundle from elsewhere
            are another's.
    """
    champion, challenger = plan["champion"], plan["challenger"]
    reason = f"{decision['stage']}: {'; '.join(decision['reasons'])}"
    if decision["action"] == "hold":
        console.print(f"held at {decision['stage']}: the stack stays as it is; make release begins anew")
        said = {"outcome": "held", "stage": decision["stage"], "champion": champion, "tried": challenger}
        print(json.dumps(said | {"reason": reason}))
        sys.exit(HELD)
    outcome, serves = ("released", challenger) if decision["action"] == "advance" else ("rolled back", champion)
    set_traffic(layout, {"champion": serves})
    if serves == champion:
        # What was served before the release, with the version that `make rollback` would go back to.
        deploy_bundle(layout, console, plan["bundle"])
    if registered:
        told = _settled(layout, challenger, serves, outcome, reason, by="make release")
        console.print(told["says"])
    print(
        json.dumps({"outcome": outcome, "champion": serves, "before": champion, "tried": challenger, "reason": reason})
    )


def set_traffic(layout: Layout, traffic: dict[str, Any]) -> None:
    """Put the setting ``traffic`` in place of what it was, and bring the stack to it."""
    stack = ("--stack", pulumi_cli.STACK)
    pulumi_cli.run(layout, "config", "rm", "traffic", *stack, quiet=True)
    values = [word for key, value in traffic.items() for word in ("--plaintext", f"traffic.{key}={value}")]
    pulumi_cli.run(layout, "config", "set-all", "--path", *values, *stack)
    up(layout)


def _settled(layout: Layout, version: str, serves: str, outcome: str, reason: str, *, by: str) -> dict[str, Any]:
    said = ["--version", version, "--serves", serves, "--outcome", outcome, "--reason", reason, "--by", by]
    return client.result(layout, MODULE, "settle", *said)


if __name__ == "__main__":
    cli()
