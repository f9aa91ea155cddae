"""Outputs of a workflow's step."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "GITHUB_OUTPUT"


def give(outputs: Mapping[str, Any]) -> None:
    """Hand values to later steps, and print them as one JSON line, last on standard output.

    Raises:
        ValueError: A value has more than one line, and so could say what another output is.
    """
    texts = {name: str(value) for name, value in outputs.items()}
    for name, text in texts.items():
        if len(text.splitlines()) > 1:
            raise ValueError(f"output {name} has several lines: {text[:80]!r}")
    if file := os.environ.get(VARIABLE):
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.writelines(f"{name}={text}\n" for name, text in texts.items())
    print(json.dumps(dict(outputs)), flush=True)
