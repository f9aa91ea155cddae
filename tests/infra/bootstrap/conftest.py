"""The bootstrap's whole program under Pulumi's recording engine."""

import asyncio
import contextvars
import json
import runpy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks
from pulumi.runtime.config import set_all_config
from pulumi.runtime.settings import get_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

ROOT = Path(__file__).parents[3]
ACCOUNT = "123456789012"
CONFIG = {
    "keelson-bootstrap:account-id": ACCOUNT,
    "keelson-bootstrap:github-subjects": '["repo:acme/keelson", "repo:acme@1234/keelson@5678"]',
}


@dataclass(frozen=True)
class Made:
    """One resource of the program: what it was asked to be, and how."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    protect: bool
    component: bool


@dataclass(frozen=True)
class Program:
    """What the program registered, called and exported."""

    resources: tuple[Made, ...]
    calls: tuple[str, ...]
    outputs: dict[str, Any]

    def of_type(self, token: str) -> list[Made]:
        return [one for one in self.resources if one.type == token]

    def named(self, token: str, name: str) -> Made:
        """The one resource of this type whose name in AWS is ``name``."""
        (found,) = [one for one in self.of_type(token) if one.inputs.get("name") == name]
        return found

    def trust(self, role: str) -> list[dict[str, Any]]:
        """Statements of a role's trust policy."""
        return json.loads(self.named("aws:iam/role:Role", role).inputs["assumeRolePolicy"])["Statement"]

    def policies(self, role: str) -> dict[str, str]:
        """JSON texts of the policies attached to a role, by name."""
        attached = {
            one.inputs["policyArn"]
            for one in self.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
            if one.inputs["role"] == role
        }
        every = self.of_type("aws:iam/policy:Policy")
        return {one.inputs["name"]: one.inputs["policy"] for one in every if f"<{one.name}.arn>" in attached}


class _Monitor(mocks.MockMonitor):
    """Keeps each registration."""

    def __init__(self, provider: pulumi.runtime.Mocks) -> None:
        super().__init__(provider)
        self.kept: list[Any] = []

    def RegisterResource(self, request: Any) -> Any:
        self.kept.append(request)
        return super().RegisterResource(request)


class _Aws(pulumi.runtime.Mocks):
    def __init__(self) -> None:
        self.inputs: dict[tuple[str, str], dict[str, Any]] = {}
        self.calls: list[str] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.inputs[args.typ, args.name] = args.inputs
        # Buckets and roles have their names for ids.
        name = args.inputs.get("bucket") or args.inputs.get("name")
        return name or f"<{args.name}.id>", {"arn": f"<{args.name}.arn>", "keyId": f"<{args.name}.key>", **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        self.calls.append(args.token)
        return {**args.args, "arn": "<found.arn>", "id": "<found>"}


def _run(config: dict[str, str]) -> Program:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    provider, outputs = _Aws(), {}
    monitor = _Monitor(provider)

    async def program() -> None:
        runpy.run_path(str(ROOT / "infra" / "bootstrap" / "__main__.py"), run_name="__main__")
        stack = get_root_resource()
        assert isinstance(stack, Stack)
        for name, value in stack.outputs.items():
            outputs[name] = await pulumi.Output.from_input(value).future()

    try:
        mocks.set_mocks(provider, project="keelson-bootstrap", stack="account", preview=False, monitor=monitor)
        set_all_config(config)
        loop.run_until_complete(run_pulumi_func(program))
    finally:
        loop.close()
    resources = tuple(
        Made(one.type, one.name, provider.inputs.get((one.type, one.name), {}), one.parent, one.protect, not one.custom)
        for one in monitor.kept
        if one.type != "pulumi:pulumi:Stack"
    )
    return Program(resources, tuple(provider.calls), outputs)


@pytest.fixture(scope="session")
def run() -> Callable[..., Program]:
    """Runs the program with settings over the usual ones, ``run(oidc_provider="lookup")``."""

    def run(**settings: str) -> Program:
        over = {f"keelson-bootstrap:{key.replace('_', '-')}": value for key, value in settings.items()}
        with ThreadPoolExecutor(max_workers=1) as alone:
            return alone.submit(contextvars.Context().run, _run, {**CONFIG, **over}).result()

    return run


@pytest.fixture(scope="session")
def account(run: Callable[..., Program]) -> Program:
    """The program with the usual settings."""
    return run()
