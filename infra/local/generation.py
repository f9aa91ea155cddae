"""A service whose next generation answers before the last one ends.

There are two slots, each with a port and a program of its own. The proxy's route leads to one; a new generation starts
in the other. Only once it is healthy does the route change, and only then is the generation before it taken away.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import DiffResult, Resource

from infra.local import health
from infra.local.service import ServiceProvider, program_of, supervisor_of
from infra.local.supervisor import write_private

SLOTS = ("blue", "green")

# What the proxy had read before the route changed has long been sent by then.
_PAUSE_BEFORE_STOP_SECONDS = 1.0


def free_slot(slots: Mapping[str, Mapping[str, Any]], route: str | None) -> str:
    """The slot for a new generation: one that ``route``, the address the proxy sends to now, does not lead to."""
    return next(slot for slot in SLOTS if slots[slot]["upstream"] != route)


class GenerationProvider(ServiceProvider):
    """Starts a generation beside the one that serves, and ends one that no longer does."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return "generation"

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        if _olds.get("slots") != _news.get("slots"):
            return DiffResult(changes=True, replaces=["slots"], delete_before_replace=False)
        return super().diff(_id, _olds, _news)

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        for folder in props["folders"]:
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        route = _route(props)
        slot = previous["slot"] if previous else free_slot(props["slots"], route)
        chosen = {"slot": slot, **props["slots"][slot]}
        try:
            super().ensure({**props, **chosen}, previous)
        except health.ServiceFailed as error:
            if previous is None:
                supervisor_of(props).remove(chosen["program"]["name"])
            kept = "" if previous or route is None else "\nThe generation before it goes on serving."
            raise health.ServiceFailed(f"{error}{kept}") from None
        return chosen

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        supervisor, program = supervisor_of(_props), program_of(_props)
        _lead_away(_props)
        if _route(_props) is not None and supervisor.is_running():
            time.sleep(_PAUSE_BEFORE_STOP_SECONDS)
        supervisor.remove(program.name)


def _route(props: Mapping[str, Any]) -> str | None:
    path = Path(props["route"])
    return path.read_text() if path.exists() else None


def _lead_away(props: Mapping[str, Any]) -> None:
    """Send requests to the next generation, if one is ready, where Pulumi was killed before it could do so.

    The next run of Pulumi begins with deleting the generation that was replaced, before it sees to the route.
    """
    if _route(props) != props["upstream"]:
        return
    following = props["slots"][free_slot(props["slots"], props["upstream"])]
    if health.problem(following["program"]["health"]) is None:
        write_private(Path(props["route"]), following["upstream"])


class Generation(Resource, module="local", name="Generation"):
    """One generation of a service; whatever of ``slots`` changes, the next one takes its place.

    Attributes:
        upstream: Where it listens, ``host:port``.
    """

    upstream: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        root: Path,
        slots: Mapping[str, Mapping[str, Any]],
        route: Path,
        folders: list[Path],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it.

        Args:
            name: Name of the resource.
            root: The clone.
            slots: ``{"blue": {"upstream": "host:port", "program": described(...)}, "green": ...}``.
            route: The file that says where the proxy sends requests.
            folders: Private folders that it writes to.
            opts: As for any resource.
        """
        props = {
            "root": str(root),
            "slots": {slot: dict(parts) for slot, parts in slots.items()},
            "route": str(route),
            "folders": [str(folder) for folder in folders],
            "slot": None,
            "upstream": None,
            "program": None,
            "status": None,
        }
        super().__init__(GenerationProvider(), name, props, opts)
