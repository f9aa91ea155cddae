"""`make up`: from an environment with tools to a trained model that answers.

Usage: ``python -m infra.local.up [--data synthetic] [--rows N] [--seed N] [--port-base N]
[--set PATH=VALUE ...]``. Every phase
finds what is already done, so running it again repairs or does nothing. The last line on standard output
is one line of JSON with the seconds of each phase.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.local import client, pulumi_cli, status
from infra.local.layout import Layout
from infra.local.supervisor import Supervisor
from infra.tools import bytecode, cache

ROOT = Path(__file__).resolve().parent.parent.parent


class Phases:
    """Seconds by phase, told to the user as they pass."""

    def __init__(self, console: Console) -> None:
        self.seconds: dict[str, float] = {}
        self._console = console

    @contextmanager
    def phase(self, name: str, title: str) -> Iterator[None]:
        """Announce, run and time one phase."""
        self._console.rule(f"[bold]{title}", align="left", style="dim")
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


def main(
    data: Annotated[str, typer.Option(help="synthetic, a path to TLC files, or tlc:2026-01")] = "synthetic",
    rows: Annotated[int, typer.Option(min=1000, max=20_000_000, help="trips of the synthetic data")] = 200_000,
    seed: Annotated[int, typer.Option(min=0)] = 42,
    port_base: Annotated[int | None, typer.Option(help="first of the stack's ports; remembered")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="a setting of the stack, monitor.releases=false; remembered")
    ] = None,
) -> None:
    """Bring stack `local` up, train and deploy the first model, and show where everything is."""
    layout = Layout(ROOT)
    console = Console(stderr=True)
    phases = Phases(console)
    try:
        with phases.phase("platform", "Platform: pulumi up"):
            bring_up_platform(layout, port_base, console, settings or [])
        models = client.result(layout, "pipelines.status")
        if not models.get("champion"):
            with phases.phase("pipeline", "First training run"):
                options = ["--data", data, "--rows", str(rows), "--seed", str(seed)]
                client.result(layout, "pipelines.run", "training", *options)
            models = client.result(layout, "pipelines.status")
        if not deployed_bundle(layout):
            with phases.phase("bundle", "Bundle of the champion"):
                tag = client.result(layout, "serving.bundle", "--challenger", "none")["tag"]
            with phases.phase("deployment", f"Deployment of {tag}: pulumi up"):
                pulumi_cli.run(layout, "config", "set", "bundle", tag, "--stack", pulumi_cli.STACK)
                up(layout)
        with phases.phase("prediction", "One prediction"):
            answer = client.result(layout, "serving.ask")
    except (client.ClientFailed, pulumi_cli.PulumiError) as error:
        sys.exit(f"make up: {error}")
    except KeyboardInterrupt:
        sys.exit("make up: interrupted; `make up` again goes on from here")
    bytecode.keep(ROOT, cache.locate(dict(os.environ)))
    summarise(layout, console, models, answer)
    print(json.dumps({"phases": phases.seconds, "prediction": answer, **models}))


def bring_up_platform(layout: Layout, port_base: int | None, console: Console, settings: Sequence[str] = ()) -> None:
    """Repair what an interrupted run left, then `pulumi up` with a refresh; ``settings`` are ``path=value``."""
    # Pulumi selects no stack whose state it cannot read.
    for sentence in pulumi_cli.repair(layout):
        console.print(f"repaired: {sentence}")
    pulumi_cli.prepare(layout)
    if port_base is not None:
        pulumi_cli.run(layout, "config", "set", "port-base", str(port_base), "--stack", pulumi_cli.STACK)
    for setting in settings:
        path, _, value = setting.partition("=")
        pulumi_cli.run(layout, "config", "set", "--path", path, value, "--stack", pulumi_cli.STACK)
    up(layout, "--refresh")
    for name in forget_unknown(layout):
        console.print(f"repaired: ended {name}, which an interrupted run had started and nothing needs any more")


def forget_unknown(layout: Layout) -> list[str]:
    """End the programs that the stack's state does not know; return their names.

    A run that was killed while it started a program leaves it to the next one, which may want another.
    """
    supervisor = Supervisor(layout)
    unknown = sorted({program["name"] for program in supervisor.programs()} - status.health_checks(layout).keys())
    for name in unknown:
        supervisor.remove(name)
    return unknown


def up(layout: Layout, *options: str) -> None:
    """`pulumi up` as a user would type it, its output kept short; standard output stays free for the result."""
    arguments = ["up", "--yes", "--skip-preview", "--suppress-outputs", "--stack", pulumi_cli.STACK]
    pulumi_cli.run(layout, *arguments, *options)


def deployed_bundle(layout: Layout) -> str | None:
    """The bundle's tag in the stack configuration, if one is deployed."""
    config = json.loads(pulumi_cli.run(layout, "config", "--json", "--stack", pulumi_cli.STACK, quiet=True))
    return config.get("keelson:bundle", {}).get("value")


def summarise(layout: Layout, console: Console, models: dict[str, Any], answer: dict[str, Any]) -> None:
    """The closing table: addresses, versions, metrics, one prediction, and what to try next."""
    champion = models["champion"]
    metrics = ", ".join(f"{name} {value:,.3g}" for name, value in champion["metrics"].items())
    seconds = round(answer["predictions"][0]["duration_seconds"])
    console.rule("[bold green]Keelson is up", align="left", style="green")
    console.print(status.service_table(status.services(layout)))
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_row("data version", str(champion["data_version"]))
    facts.add_row("model version", f"{champion['version']} (champion)")
    facts.add_row("test metrics", metrics)
    facts.add_row("bundle", answer["bundle"])
    facts.add_row("trip", ", ".join(f"{name} {value}" for name, value in answer["trip"].items()))
    facts.add_row("prediction", f"{timedelta(seconds=seconds)} on the road, answered in {answer['milliseconds']} ms")
    facts.add_row("next", "make status")
    facts.add_row("", "make train SEED=43")
    facts.add_row("", "source .local/env && pulumi preview --stack local")
    console.print()
    console.print(facts)


if __name__ == "__main__":
    typer.run(main)
