"""Runs a stack's whole program under Pulumi's recording engine: no account, no network, nothing is made."""

import asyncio
import contextvars
import json
import runpy
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import mocks, rpc
from pulumi.runtime.config import set_all_config
from pulumi.runtime.settings import get_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

from infra.render import placeholders
from infra.render.recording import HIDDEN, Recording, Resource, in_order
from infra.self_hosted import credentials

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "keelson"

_CALLS: Mapping[str, Mapping[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "accountId": "<account>",
        "arn": "<caller>",
        "userId": "<caller>",
    },
    "aws:index/getPartition:getPartition": {"partition": "aws", "dnsSuffix": "amazonaws.com"},
}


def record(stack: str, config: Mapping[str, Any] | None = None) -> Recording:
    """What ``pulumi up`` of this stack would register.

    Args:
        stack: Name of a stack.
        config: Full configuration, ``{"keelson:<key>": value}``; by default that of the stack's own file.

    Raises:
        FileNotFoundError: ``config`` is not given and the stack has no file.
        pulumi.RunError: A setting is wrong; the message is one sentence.
    """
    file = str(ROOT / "infra" / "__main__.py")
    values = stack_file(stack) if config is None else config
    return registered(lambda: runpy.run_path(file, run_name="__main__"), stack, values)


def registered(program: Callable[[], object], stack: str, config: Mapping[str, Any]) -> Recording:
    """What a program registers when it runs, be it a whole stack's or one component.

    Args:
        program: Declares resources when it is called; what it raises is raised here.
        stack: Name of the stack that it runs for.
        config: Full configuration, as for ``record``.
    """
    # A thread with a context and an event loop of its own: nothing of the engine's state is left behind.
    with ThreadPoolExecutor(max_workers=1) as alone:
        return alone.submit(contextvars.Context().run, _recorded, program, stack, config).result()


def stack_file(stack: str) -> dict[str, Any]:
    """The configuration in a stack's file, secrets left out.

    Raises:
        FileNotFoundError: There is no such file; the message names the stacks that have one.
    """
    folder = ROOT / "infra" / "stacks"
    file = folder / f"Pulumi.{stack}.yaml"
    if not file.exists():
        known = ", ".join(sorted(one.stem.removeprefix("Pulumi.") for one in folder.glob("Pulumi.*.yaml")))
        raise FileNotFoundError(f"Stack '{stack}' has no file infra/stacks/Pulumi.{stack}.yaml; there are: {known}.")
    config = (yaml.safe_load(file.read_text()) or {}).get("config") or {}
    return {key: value for key, value in config.items() if not (isinstance(value, dict) and "secure" in value)}


# Its values are secrets, which a recording never holds.
_CREDENTIALS = "pulumi-python:dynamic/self_hosted:Credentials"


class _Provider(pulumi.runtime.Mocks):
    """Answers as providers would, with placeholders for what they alone know."""

    def __init__(self) -> None:
        self.calls: set[str] = set()

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == _CREDENTIALS:
            return f"<{args.name}.id>", {**args.inputs, "values": credentials.make()}
        return f"<{args.name}.id>", placeholders.outputs(args.typ, args.name, args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        self.calls.add(args.token)
        name = args.token.rsplit(":", 1)[1]
        return {**args.args, **_CALLS.get(args.token, {}), "id": f"<{name}>"}


class _Monitor(mocks.MockMonitor):
    """Pulumi's mock monitor, which keeps each registration."""

    def __init__(self, provider: _Provider) -> None:
        super().__init__(provider)
        self.kept: dict[str, Resource] = {}

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)
        if request.type == "pulumi:pulumi:Stack":
            return response
        inputs = _plain(rpc.deserialize_properties(request.object, keep_unknowns=True))
        self.kept[response.urn] = Resource(
            urn=response.urn,
            type=request.type,
            name=request.name,
            inputs=inputs,
            parent=request.parent,
            depends_on=tuple(sorted(set(request.dependencies))),
            component=not request.custom and not request.remote,
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            ignore_changes=tuple(request.ignoreChanges),
        )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:
        if request.urn in self.kept:
            outputs = _plain(rpc.deserialize_properties(request.outputs, keep_unknowns=True))
            self.kept[request.urn] = replace(self.kept[request.urn], outputs=outputs)
        return super().RegisterResourceOutputs(request)


def _plain(value: Any) -> Any:
    """Inputs without Pulumi's wrapping; a secret's value is left out."""
    if isinstance(value, Mapping):
        if rpc._special_sig_key in value:
            return HIDDEN
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    # Pulumi hands every number over as a float.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, pulumi.Asset | pulumi.Archive):
        return f"<{type(value).__name__}>"
    return value


def _recorded(program: Callable[[], object], stack: str, config: Mapping[str, Any]) -> Recording:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    provider = _Provider()
    monitor = _Monitor(provider)
    try:
        mocks.set_mocks(provider, project=PROJECT, stack=stack, preview=False, monitor=monitor)
        set_all_config({key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()})
        exported = loop.run_until_complete(_run(program))
    finally:
        loop.close()
    return Recording(
        stack=stack,
        resources=in_order(monitor.kept.values()),
        outputs=dict(sorted(exported.items())),
        calls=tuple(sorted(provider.calls)),
    )


async def _run(program: Callable[[], object]) -> dict[str, Any]:
    exported: dict[str, Any] = {}

    async def run() -> None:
        program()
        stack = get_root_resource()
        assert isinstance(stack, Stack)
        for name, value in stack.outputs.items():
            output = pulumi.Output.from_input(value)
            exported[name] = HIDDEN if await output.is_secret() else await output.future()

    await run_pulumi_func(run)
    return exported
