"""`make demo-drift` and `make demo-calm`: the monitor on a city whose traffic changes, and on one whose does not.

Usage: ``python -m infra.local.demo_drift drift|calm [--speed N]``. On the running stack the monitor is given a faster
clock, a day of which takes some seconds, and riders ask for the trips of the city that the champion learned from, from
where its trips end. In a week the city is congested. From then on nobody does anything: the shift is seen, one model is
trained and released, and the error recovers. Nothing of it stays but the model: the clock, the log and the feature
store are as before. Exit status 0 is: it went as it should, and no request failed. The last line on standard output is
one line of JSON with the story.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from infra.local import client, pulumi_cli
from infra.local.layout import Layout
from infra.local.up import up
from infra.settings.monitor import ClockSettings, MonitorSettings, environment

ROOT = Path(__file__).resolve().parent.parent.parent
_NEW_YORK = ZoneInfo("America/New_York")
# A day in 30 seconds.
SPEED = 2880.0
# Days from the first trip until the last: a week of calm, and what a change and its answer take.
DAYS = 26
# Until the monitor has its new clock.
_LEAD_SECONDS = 15


class World(StrEnum):
    """What the city does."""

    DRIFT = "drift"
    CALM = "calm"


def main(
    world: Annotated[World, typer.Argument(help="whether the city's traffic changes")],
    speed: Annotated[float, typer.Option(min=60, help="how many times as fast the clock runs")] = SPEED,
    days: Annotated[
        int, typer.Option(min=3, max=DAYS, help="days of the city after which it ends at the latest")
    ] = DAYS,
) -> None:
    """Run the demonstration on the running stack."""
    layout, console = Layout(ROOT), Console(stderr=True)
    callers: dict[str, Any] = {}
    story: dict[str, Any] = {"callers": callers}
    try:
        prepared = client.result(layout, "monitoring.demo.prepare")
        with on_a_faster_clock(layout, console, prepared["shows"], speed) as variables:
            shift = world is World.DRIFT
            asking = ["--rows", str(prepared["rows"]), *(["--regime", "congestion"] if shift else [])]
            # In the world they are on other machines.
            apart = {"variables": variables, "niceness": 10}
            with client.beside(layout, callers, "monitoring.demo.callers", *asking, **apart):
                console.rule(f"[bold]A day takes {86_400 / speed:.0f} s", align="left")
                seconds = days * 86_400 / speed + _LEAD_SECONDS
                asked = ["--windows", str(days), "--seconds", str(seconds), *(["--shift"] if shift else [])]
                story |= client.result(layout, "monitoring.demo.story", *asked, variables=variables)
    except (client.ClientFailed, pulumi_cli.PulumiError) as error:
        sys.exit(f"make demo-{world}: {error}")
    print(json.dumps(story))
    wrong = [*story["faults"], *callers["first_failures"]]
    if wrong:
        sys.exit(f"make demo-{world}: it did not go as it should: {'; '.join(wrong)}")


@contextmanager
def on_a_faster_clock(layout: Layout, console: Console, shows: str, speed: float) -> Iterator[dict[str, str]]:
    """Give the monitor a clock and a memory of its own; yields the variables of those who live by it."""
    began = datetime.now(UTC)
    settings = MonitorSettings.model_validate(
        {
            "interval-seconds": 1,
            "collect-seconds": 3600,
            "release-interval-seconds": 2,
            "release-seconds": 600,
            "state": f"demo_{began:%Y%m%d_%H%M%S}",
            "clock": ClockSettings(
                at=began + timedelta(seconds=_LEAD_SECONDS),
                shows=datetime.fromisoformat(shows).replace(tzinfo=_NEW_YORK).astimezone(UTC),
                speed=speed,
            ),
        }
    )
    console.rule("[bold]The monitor gets a faster clock", align="left")
    set_monitor(layout, settings)
    try:
        yield environment(settings)
    finally:
        console.rule("[bold]The stack gets its own clock again", align="left")
        set_monitor(layout, None)
        client.result(layout, "monitoring.demo.prepare", "--since", began.isoformat())


def set_monitor(layout: Layout, settings: MonitorSettings | None) -> None:
    """Put the setting ``monitor`` in place of what it was, and bring the stack to it."""
    stack = ("--stack", pulumi_cli.STACK)
    pulumi_cli.run(layout, "config", "rm", "monitor", *stack, quiet=True)
    if settings is not None:
        told = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
        clock = {f"clock.{name}": value for name, value in told.pop("clock", {}).items()}
        values = [word for key, value in (told | clock).items() for word in ("--plaintext", f"monitor.{key}={value}")]
        pulumi_cli.run(layout, "config", "set-all", "--path", *values, *stack)
    up(layout)


if __name__ == "__main__":
    typer.run(main)
