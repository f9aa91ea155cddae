"""Renders a stack for review: ``python -m infra.render --stack prod --out DIR``.

No account is asked and nothing is made. The last line on standard output is the folder.
"""

import sys
from pathlib import Path
from typing import Annotated

import pulumi
import typer
from rich.console import Console

from infra.render.engine import record
from infra.render.manifests import RenderError
from infra.render.write import files, write
from infra.settings import KUBERNETES_STACKS


def main(
    stack: Annotated[str, typer.Option(help=f"one of {', '.join(KUBERNETES_STACKS)}")],
    out: Annotated[Path, typer.Option(help="folder to write; a former render there is replaced")],
) -> None:
    """Write everything that a stack would ask AWS and Kubernetes for as files that can be read and compared."""
    console = Console(stderr=True)
    if stack not in KUBERNETES_STACKS:
        sys.exit(f"make render: stack '{stack}' is not known; allowed: {', '.join(KUBERNETES_STACKS)}.")
    try:
        with console.status(f"running the program of {stack}"):
            recording = record(stack)
        with console.status(f"writing {out}"):
            rendered = files(recording)
            write(rendered, out)
    except (RenderError, OSError, pulumi.RunError) as error:
        sys.exit(f"make render: {error}")
    console.print(f"{len(recording.resources)} resources in {len(rendered)} files")
    print(out)


if __name__ == "__main__":
    typer.run(main)
