"""Programs on this machine that `pulumi up` calls, and what Pulumi's state already knows."""

import importlib.metadata
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.operations.account import Unknown
from infra.operations.findings import Finding, fails, ok, unknown, warning
from infra.operations.preflight.needs import KINDS
from infra.operations.pulumi_cli import PulumiCli, PulumiError
from infra.operations.stack import Stack

PLUGINS = ("aws", "kubernetes")


@dataclass(frozen=True, kw_only=True)
class Programs:
    """What was found on PATH.

    Attributes:
        pulumi: Version, ``None`` where there is no Pulumi.
        plugins: Versions of the resource plugins, by name.
        wanted: Version of each plugin that the program's packages ask for.
        aws: Path of the AWS command line.
    """

    pulumi: str | None
    plugins: Mapping[str, Sequence[str]] | Unknown
    wanted: Mapping[str, str]
    aws: str | None


def programs(environment: Mapping[str, str]) -> Programs:
    """Look on the PATH of ``environment``."""
    path = environment.get("PATH", "")
    pulumi, aws = shutil.which("pulumi", path=path), shutil.which("aws", path=path)
    version, plugins = None, Unknown(reason="there is no Pulumi")
    if pulumi is not None:
        version = _printed([pulumi, "version"], environment)
        listed = _printed([pulumi, "plugin", "ls", "--json"], environment)
        plugins = (
            Unknown(reason="`pulumi plugin ls` failed") if listed is None else installed(json.loads(listed or "[]"))
        )
    # The packages ask for the plugins of their own versions.
    wanted = {name: importlib.metadata.version(f"pulumi-{name}") for name in PLUGINS}
    return Programs(pulumi=version, plugins=plugins, wanted=wanted, aws=aws)


def installed(listed: Iterable[Mapping[str, Any]] | None) -> dict[str, list[str]]:
    """Versions of each resource plugin in what ``pulumi plugin ls --json`` prints."""
    found: dict[str, list[str]] = {}
    for one in listed or ():
        if one.get("kind") == "resource":
            found.setdefault(one["name"], []).append(one.get("version") or "")
    return found


def _printed(command: list[str], environment: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def state(cli: PulumiCli | Unknown) -> frozenset[tuple[str, str]] | Unknown:
    """``{("aws:s3/bucket:Bucket", "keelson-dev-data-..."), ...}``: named resources that the state knows."""
    if isinstance(cli, Unknown):
        return cli
    try:
        return named_in_state(cli.resources())
    except (PulumiError, json.JSONDecodeError) as error:
        return Unknown(reason=f"Pulumi's state cannot be read: {' '.join(str(error).split())[:300]}")


def named_in_state(resources: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    """Kind and name of each resource of a state whose name AWS gives only once."""
    return frozenset(
        (one["type"], name)
        for one in resources
        if one["type"] in KINDS
        and (name := {**one.get("inputs", {}), **one.get("outputs", {})}.get(KINDS[one["type"]].key))
    )


def check_programs(found: Programs) -> list[Finding]:
    """Pulumi, its providers and the AWS command line are there."""
    return [_pulumi(found), *_plugins(found), _aws(found)]


def _pulumi(found: Programs) -> Finding:
    needed = "Pulumi's command line"
    if found.pulumi is None:
        return fails("pulumi", "not on PATH, or it does not start", needed, "run `make env`, or install Pulumi")
    return ok("pulumi", found.pulumi, needed)


def _plugins(found: Programs) -> list[Finding]:
    if isinstance(found.plugins, Unknown):
        return [unknown("provider plugins", found.plugins, ", ".join(PLUGINS))]
    return [_plugin(name, version, found.plugins.get(name, ())) for name, version in found.wanted.items()]


def _plugin(name: str, wanted: str, there: Sequence[str]) -> Finding:
    check, needed = f"provider plugin {name}", f"{wanted}, there or fetched by `pulumi up`"
    if wanted in there:
        return ok(check, wanted, needed)
    advice = (
        f"nothing, where get.pulumi.com can be reached; else fetch the archive elsewhere and `pulumi plugin install "
        f"resource {name} {wanted} --file <archive>`"
    )
    return warning(check, ", ".join(there) or "not installed", needed, advice)


def _aws(found: Programs) -> Finding:
    needed = "`aws eks get-token`, which the cluster's kubeconfig calls"
    if found.aws is None:
        return fails("aws command line", "not on PATH", needed, "install the AWS command line, version 2")
    return ok("aws command line", found.aws, needed)


def check_state(stack: Stack, found: frozenset[tuple[str, str]] | Unknown) -> Finding:
    """Pulumi's state can be read."""
    needed = "a readable state, or none yet"
    if isinstance(found, Unknown):
        advice = "see docs/bootstrap.md for PULUMI_BACKEND_URL and `pulumi stack init`"
        return fails("state", found.reason, needed, advice)
    return ok("state", f"{len(found)} named resources" if found else f"stack {stack.name} is not up", needed)
