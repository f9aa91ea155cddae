"""Generations under the real supervisor: the next one serves before the last one ends."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from infra.local import health, up
from infra.local.generation import SLOTS, GenerationProvider, free_slot
from infra.local.layout import Layout
from infra.local.provider import READY
from infra.local.service import described
from infra.local.supervisor import RUNNING, STARTING, Supervisor, write_private

SERVER = (
    "import http.server, sys; "
    "http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
)


@pytest.fixture
def slots(clone: Layout, free_port: Callable[[], int]) -> Callable[..., dict[str, Any]]:
    """Describes both slots of a service whose generations differ by ``version``."""
    ports = {"blue": free_port(), "green": free_port()}

    def describe(version: str, code: str = SERVER) -> dict[str, Any]:
        programs = {
            slot: described(
                f"web-{slot}",
                command=[sys.executable, "-c", code, str(port)],
                environment={"VERSION": version},
                health_check={"http": [f"http://127.0.0.1:{port}/"]},
                directory=clone.home,
                startup_seconds=120,
            )
            for slot, port in ports.items()
        }
        return {slot: {"upstream": f"127.0.0.1:{ports[slot]}", "program": programs[slot]} for slot in ports}

    return describe


def props(clone: Layout, slots: dict[str, Any]) -> dict[str, Any]:
    return {"root": str(clone.root), "route": str(clone.upstream), "folders": [str(clone.predictions)], "slots": slots}


def created(clone: Layout, slots: dict[str, Any]) -> dict[str, Any]:
    """The state of a generation that was just made."""
    outputs = GenerationProvider().create(props(clone, slots)).outs
    assert outputs is not None
    return outputs


def running(supervisor: Supervisor) -> set[str]:
    """The slots whose program runs."""
    return {slot for slot in SLOTS if supervisor.info(f"web-{slot}")["statename"] in (STARTING, RUNNING)}


def test_a_generation_takes_the_slot_that_the_route_does_not_lead_to() -> None:
    both = {"blue": {"upstream": "h:1"}, "green": {"upstream": "h:2"}}
    assert free_slot(both, None) == "blue"
    assert free_slot(both, "h:1") == "green"
    assert free_slot(both, "h:2") == "blue"


def test_the_next_generation_is_ready_while_the_last_one_still_serves(
    clone: Layout, supervised: Supervisor, slots: Callable[..., dict[str, Any]]
) -> None:
    provider = GenerationProvider()
    first = created(clone, slots("1"))
    assert first["slot"] == "blue"
    assert oct(clone.predictions.stat().st_mode & 0o777) == "0o700"
    write_private(clone.upstream, first["upstream"])
    second = created(clone, slots("2"))
    assert second["slot"] == "green"
    assert running(supervised) == {"blue", "green"}
    assert health.problem(second["program"]["health"]) is None
    write_private(clone.upstream, second["upstream"])
    provider.delete("generation", first)
    assert running(supervised) == {"green"}
    assert clone.upstream.read_text() == second["upstream"]


def test_whatever_decides_its_behaviour_replaces_a_generation_and_the_new_one_comes_first(
    clone: Layout, slots: Callable[..., dict[str, Any]]
) -> None:
    provider, said = GenerationProvider(), {**props(clone, slots("1")), "status": READY}
    changed = provider.diff("generation", said, props(clone, slots("2")))
    assert (changed.changes, changed.replaces, changed.delete_before_replace) == (True, ["slots"], False)
    stopped = provider.diff("generation", {**said, "status": "stopped"}, props(clone, slots("1")))
    assert (stopped.changes, stopped.replaces) == (True, None)
    assert not provider.diff("generation", said, props(clone, slots("1"))).changes


def test_a_generation_that_does_not_come_up_leaves_the_last_one_serving_and_nothing_else(
    clone: Layout, supervised: Supervisor, slots: Callable[..., dict[str, Any]]
) -> None:
    provider = GenerationProvider()
    first = created(clone, slots("1"))
    write_private(clone.upstream, first["upstream"])
    with pytest.raises(health.ServiceFailed, match=r"(?s)web-green ended.*no model.*before it goes on serving"):
        provider.create(props(clone, slots("2", "raise SystemExit('no model')")))
    assert running(supervised) == {"blue"}
    assert clone.upstream.read_text() == first["upstream"]
    assert not (clone.supervisor / "programs" / "web-green.conf").exists()


def test_what_a_killed_run_had_started_is_adopted_by_the_next(
    clone: Layout, supervised: Supervisor, slots: Callable[..., dict[str, Any]]
) -> None:
    provider = GenerationProvider()
    provider.create(props(clone, slots("1")))
    pid = supervised.info("web-blue")["pid"]
    assert created(clone, slots("1"))["slot"] == "blue"
    assert supervised.info("web-blue")["pid"] == pid


def test_a_generation_that_died_is_mended_in_its_own_slot(
    clone: Layout, supervised: Supervisor, slots: Callable[..., dict[str, Any]]
) -> None:
    provider = GenerationProvider()
    said = created(clone, slots("1"))
    write_private(clone.upstream, said["upstream"])
    supervised.stop("web-blue")
    assert provider.observe(said) == "stopped"
    mended = provider.update("generation", {**said, "status": "stopped"}, props(clone, slots("1"))).outs
    assert mended is not None
    assert mended["slot"] == "blue"
    assert provider.observe(mended) == READY
    assert running(supervised) == {"blue"}


def test_a_route_that_a_killed_run_did_not_move_is_moved_before_the_last_generation_ends(
    clone: Layout, supervised: Supervisor, slots: Callable[..., dict[str, Any]]
) -> None:
    provider = GenerationProvider()
    first = created(clone, slots("1"))
    write_private(clone.upstream, first["upstream"])
    second = created(clone, slots("2"))
    stopped: list[str] = []
    stop = Supervisor.stop

    def watched(self: Supervisor, name: str) -> None:
        assert clone.upstream.read_text() == second["upstream"]
        stopped.append(name)
        stop(self, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervisor, "stop", watched)
        provider.delete("generation", first)
    assert "web-blue" in stopped
    assert running(supervised) == {"green"}


def test_a_route_is_not_moved_to_where_nothing_answers(
    clone: Layout, supervised: Supervisor, slots: Callable[..., dict[str, Any]]
) -> None:
    provider = GenerationProvider()
    first = created(clone, slots("1"))
    write_private(clone.upstream, first["upstream"])
    provider.delete("generation", first)
    assert clone.upstream.read_text() == first["upstream"]
    assert running(supervised) == set()


def test_up_ends_what_a_killed_run_had_started_and_nothing_needs(
    clone: Layout, supervised: Supervisor, slots: Callable[..., dict[str, Any]]
) -> None:
    provider = GenerationProvider()
    first = created(clone, slots("1"))
    write_private(clone.upstream, first["upstream"])
    provider.create(props(clone, slots("2")))
    known = {"type": "pulumi-python:dynamic/local:Generation", "outputs": first}
    file = clone.state / ".pulumi" / "stacks" / "keelson" / "local.json"
    write_private(file, json.dumps({"checkpoint": {"latest": {"resources": [known]}}}))
    assert up.forget_unknown(clone) == ["web-green"]
    assert running(supervised) == {"blue"}
    assert up.forget_unknown(clone) == []
