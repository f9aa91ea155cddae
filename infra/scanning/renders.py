"""The renders that are scanned: each stack on Kubernetes as its file says, and with every optional part on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.render.engine import record, stack_file
from infra.render.manifests import manifests
from infra.settings import KUBERNETES_STACKS, STACKS

# Parts that a stack has only with these settings: the served bundle, public pages and their sign-in.
_ANYWHERE: Mapping[str, Any] = {"keelson:bundle": "trip_duration:0123456789abcdef"}
_OPTIONAL: Mapping[str, Any] = {
    **_ANYWHERE,
    "keelson:sign-in": {
        "domain": "example.org",
        "certificate-arn": "arn:aws:acm:us-east-1:123456789012:certificate/example",
        "issuer": "https://issuer.example.org",
        "client-id": "keelson",
        "email-domain": "example.org",
    },
}


def write(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Write the Kubernetes objects of every stack on Kubernetes below ``folder``, as ``<stack>`` and
    ``<stack>-complete``."""
    made: list[Path] = []
    for stack in KUBERNETES_STACKS:
        optional = _OPTIONAL if stack in STACKS else _ANYWHERE
        for name, settings in ((stack, {}), (f"{stack}-complete", optional)):
            say(f"rendering {name}")
            for path, text in manifests(record(stack, {**stack_file(stack), **settings})).items():
                file = folder / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            made.append(folder / name)
    return made
