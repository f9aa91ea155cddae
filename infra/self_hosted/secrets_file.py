"""The Secrets of stack ``cluster`` as one file, for who applies a render by hand: `make cluster-secrets OUT=FILE`.

Pulumi keeps the values in its state; without it this file is the only place that has all of them. A new file has new
values: applied to a running stack it changes every password, and what uses them must be started anew.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pulumi
import typer
import yaml

from infra.render.engine import record
from infra.render.recording import Resource
from infra.self_hosted import credentials
from infra.self_hosted.credentials import Secrets
from infra.self_hosted.keeper import SOURCES, value

STACK = "cluster"


def manifests(resources: Iterable[Resource], made: Secrets) -> list[dict[str, Any]]:
    """Every Secret among the resources, with its values."""
    return [_filled(one.inputs, made) for one in resources if one.type == "kubernetes:core/v1:Secret"]


def _filled(secret: Mapping[str, Any], made: Secrets) -> dict[str, Any]:
    sources: Mapping[str, str] = json.loads(secret["metadata"]["annotations"][SOURCES])
    return {
        "apiVersion": secret["apiVersion"],
        "kind": secret["kind"],
        "metadata": dict(secret["metadata"]),
        "stringData": {key: value(made, source) for key, source in sorted(sources.items())},
    }


def main(out: Annotated[Path, typer.Option(help="file to write; it must not be there yet")]) -> None:
    """Write new values for all Secrets of the stack."""
    try:
        found = manifests(record(STACK).resources, credentials.make())
        # Readable by its owner alone from its first byte.
        out.touch(mode=0o600, exist_ok=False)
        with out.open("w", encoding="utf-8") as file:
            yaml.safe_dump_all(found, file, sort_keys=False)
    except FileExistsError:
        sys.exit(f"make cluster-secrets: {out} is there already, and its values may be in use; give another file")
    except (OSError, pulumi.RunError) as error:
        sys.exit(f"make cluster-secrets: {error}")
    print(out)


if __name__ == "__main__":
    typer.run(main)
