"""A step's output of many lines: ``... | python -m infra.review.output NAME``; the run's summary shows it too."""

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer


def output(name: str, text: str, file: Path) -> None:
    """Add an output to the file that GitHub reads a step's outputs from.

    No line of the text can end it: what does is drawn anew each time.
    """
    end = secrets.token_hex(16)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"{name}<<{end}\n{text}\n{end}\n")


def main(name: Annotated[str, typer.Argument(help="name of the output")]) -> None:
    """Hand what comes in to later jobs, and show it."""
    text = sys.stdin.read().strip()
    print(text)
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        if variable not in os.environ:
            sys.exit(f"python -m infra.review.output: {variable} is not set; GitHub sets it in a job.")
    output(name, text, Path(os.environ["GITHUB_OUTPUT"]))
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as summary:
        summary.write(f"{text}\n")


if __name__ == "__main__":
    typer.run(main)
