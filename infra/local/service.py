"""Pulumi resources for the process supervisor and for each service under it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, Resource

from infra.local import health, ports
from infra.local.layout import Layout
from infra.local.program import Program
from infra.local.provider import READY, LocalProvider
from infra.local.supervisor import RUNNING, STARTING, Supervisor, program_digest

_UNHEALTHY = "unhealthy"


class SupervisorProvider(LocalProvider):
    """Runs supervisord; refuses, already at preview, ports that somebody else holds."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return "supervisor"

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        taken = ports.conflicts({name: int(port) for name, port in news["ports"].items()}, Path(news["root"]))
        if not taken:
            return CheckResult(news, [])
        advice = "End that process, or give this stack other ports: pulumi config set port-base 18000."
        return CheckResult(news, [CheckFailure("ports", f"{'; '.join(taken)}. {advice}")])

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        supervisor_of(props).ensure_running()
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        return READY if supervisor_of(props).is_running() else "stopped"

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        supervisor_of(_props).shut_down()


class ServiceProvider(LocalProvider):
    """Runs one program under the supervisor and waits until it is healthy."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return props["program"]["name"]

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        supervisor, program = supervisor_of(props), program_of(props)
        if previous is not None and previous.get("status") == _UNHEALTHY:
            supervisor.stop(program.name)
        supervisor.start(program)
        try:
            health.wait(program, supervisor)
        except health.ServiceFailed:
            supervisor.stop(program.name)
            raise
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        supervisor, program = supervisor_of(props), program_of(props)
        if supervisor.info(program.name)["statename"] not in (RUNNING, STARTING):
            return "stopped"
        if supervisor.config_digest(program.name) != program_digest(program, supervisor.layout):
            return "changed"
        return READY if health.problem(program.health) is None else _UNHEALTHY

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        program = program_of(_props)
        supervisor_of(_props).remove(program.name)
        for path in program.files:
            Path(path).unlink(missing_ok=True)


def supervisor_of(props: Mapping[str, Any]) -> Supervisor:
    """The supervisor of the clone at a resource's ``root``."""
    return Supervisor(Layout(Path(props["root"])))


def program_of(props: Mapping[str, Any]) -> Program:
    """A resource's ``program`` as it went in."""
    # Numbers travel through Pulumi as floating point.
    return Program(**{**props["program"], "startup_seconds": int(props["program"]["startup_seconds"])})


class SupervisorResource(Resource, module="local", name="Supervisor"):
    """The process supervisor of this clone."""

    status: pulumi.Output[str]

    def __init__(
        self, name: str, *, root: Path, port_of: Mapping[str, int], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(SupervisorProvider(), name, {"root": str(root), "ports": dict(port_of), "status": None}, opts)


class Service(Resource, module="local", name="Service"):
    """One supervised, healthy process; ``program`` comes from ``described``."""

    status: pulumi.Output[str]

    def __init__(
        self, name: str, *, root: Path, program: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(ServiceProvider(), name, {"root": str(root), "program": program, "status": None}, opts)


def described(
    name: str,
    *,
    command: Sequence[str],
    health_check: Mapping[str, Any],
    directory: Path,
    environment: Mapping[str, pulumi.Input[str]] | None = None,
    files: Mapping[str, pulumi.Input[str]] | None = None,
    startup_seconds: int = 60,
    stop_signal: str = "TERM",
) -> dict[str, Any]:
    """A ``Program`` whose environment and files may still hold outputs; the fields are those of ``Program``."""
    plain = asdict(
        Program(
            name=name,
            command=list(command),
            environment={},
            health=health_check,
            directory=str(directory),
            startup_seconds=startup_seconds,
            stop_signal=stop_signal,
        )
    )
    return {**plain, "environment": dict(environment or {}), "files": dict(files or {})}
