"""Which model versions of the deployed bundle answer: a file that the service reads again whenever it changes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, Resource

from infra.local.layout import Layout
from infra.local.provider import READY, LocalProvider
from infra.local.supervisor import write_private
from infra.settings import TrafficSettings
from infra.settings.traffic import content


class TrafficProvider(LocalProvider):
    """Writes the file; refuses, already at preview, versions that the deployed bundle does not hold."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return "traffic"

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        fault = problem(news["bundle"], Path(news["manifest"]), json.loads(news["content"]))
        return CheckResult(news, [CheckFailure("traffic", fault)] if fault else [])

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        write_private(Path(props["path"]), props["content"])
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        path = Path(props["path"])
        return READY if path.exists() and path.read_text() == props["content"] else "changed"

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        Path(_props["path"]).unlink(missing_ok=True)


def problem(bundle: str, manifest: Path, traffic: Mapping[str, Any]) -> str | None:
    """One sentence when ``traffic`` names a model version that the bundle with this ``bundle.json`` does not hold."""
    try:
        said = json.loads(manifest.read_bytes())
        held = [variant["model_version"] for variant in said["variants"]]
    except OSError:
        return f"Bundle {bundle} is not in the store ({manifest} is missing): build it with `python -m serving.bundle`."
    except (ValueError, KeyError, TypeError):
        return (
            f"Bundle {bundle} does not list its variants in {manifest}: build it again with `python -m serving.bundle`."
        )
    unknown = [traffic[role] for role in ("champion", "challenger") if role in traffic and traffic[role] not in held]
    if not unknown:
        return None
    return (
        f"Setting keelson:traffic names model version {' and '.join(unknown)}, which bundle {bundle} does not hold; "
        f"it holds {', '.join(held) or 'none'}: name one of these, or deploy a bundle that holds it."
    )


class Traffic(Resource, module="local", name="Traffic"):
    """``.local/serving/traffic.json``."""

    def __init__(
        self,
        name: str,
        *,
        layout: Layout,
        bundle: str,
        traffic: TrafficSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        manifest = layout.bundles.joinpath("bentos", *bundle.split(":"), "src", "bundle.json")
        props = {
            "path": str(layout.traffic),
            "content": content(traffic),
            "bundle": bundle,
            "manifest": str(manifest),
            "status": None,
        }
        super().__init__(TrafficProvider(), name, props, opts)
