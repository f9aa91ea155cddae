"""`make demo-release`: a better model becomes champion and a worse one is taken back, while callers ask all the time.

Usage: ``python -m infra.local.demo_release [--rows N]``. The better one learns from more trips than the version that
answers. The worse one learns from trips whose durations were dealt out anew, and is put past the gate by force: only
its answers can tell. Exit status 0 is: the first was released, the second rolled back, and no request failed. The last
line on standard output is one line of JSON with the story.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.local import client, pulumi_cli
from infra.local.layout import Layout

ROOT = Path(__file__).resolve().parent.parent.parent
# Stages are short: the callers ask often, and tell the outcomes at once.
_RELEASE = ("release", "--interval", "2", "--patience", "300")
_RATE = 60


def main(
    rows: Annotated[int, typer.Option(min=1000, help="trips that the better model learns from")] = 400_000,
) -> None:
    """Run the demonstration on the running stack."""
    layout, console = Layout(ROOT), Console(stderr=True)
    callers: dict[str, Any] = {}
    story: dict[str, Any] = {"callers": callers}
    try:
        asking = client.beside(layout, callers, "serving.release.callers", "--rate", str(_RATE))
        with tempfile.TemporaryDirectory(prefix="keelson-demo-") as folder, asking:
            console.rule("[bold]A better model", align="left")
            client.result(layout, "pipelines.run", "training", "--rows", str(rows), "--seed", "42")
            story["better"] = _release(layout)
            console.rule("[bold]A worse model, put past the gate", align="left")
            worse = client.result(layout, "serving.release.spoilt", "--out", str(Path(folder) / "trips.parquet"))[
                "file"
            ]
            forced = ("--force-reason", "a demonstration")
            client.result(layout, "pipelines.run", "training", "--data", worse, *forced)
            story["worse"] = _release(layout)
    except (client.ClientFailed, pulumi_cli.PulumiError) as error:
        sys.exit(f"make demo-release: {error}")
    print(json.dumps(story))
    as_told = (story["better"]["outcome"], story["worse"]["outcome"]) == ("released", "rolled back")
    if not as_told or callers["failed"]:
        sys.exit("make demo-release: it did not go as told; the line above says what happened")


def _release(layout: Layout) -> dict[str, Any]:
    return client.result(layout, "infra.local.release", *_RELEASE)


if __name__ == "__main__":
    typer.run(main)
