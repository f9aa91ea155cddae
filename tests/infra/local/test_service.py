"""Services under the real supervisor: adopted, restarted, refreshed, refused, ended."""

import http.server
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local import health, ports, processes
from infra.local.layout import Layout
from infra.local.program import Program, supervisord_config
from infra.local.provider import READY
from infra.local.service import ServiceProvider, SupervisorProvider
from infra.local.supervisor import RUNNING, Supervisor

MakeProgram = Callable[..., Program]
SERVER = (
    "import http.server, sys; "
    "http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    made = Layout(tmp_path)
    # A clone whose code the launcher can import.
    (tmp_path / "infra").symlink_to(Path(__file__).parents[3] / "infra")
    yield made
    Supervisor(made).shut_down()


@pytest.fixture
def supervisor(layout: Layout) -> Supervisor:
    started = Supervisor(layout)
    started.ensure_running()
    return started


@pytest.fixture
def a_program(layout: Layout, free_port: Callable[[], int]) -> MakeProgram:
    """A small server's program; what is given takes the place of what it is else."""

    def make(**changes: Any) -> Program:
        port = changes.pop("port", None) or free_port()
        described = {
            "name": "web",
            "command": [sys.executable, "-c", SERVER, str(port)],
            "environment": {},
            "health": {"http": [f"http://127.0.0.1:{port}/"]},
            "directory": str(layout.home),
            "startup_seconds": 120,
        }
        return Program(**{**described, **changes})

    return make


def props(layout: Layout, program: Program) -> dict[str, Any]:
    return {"root": str(layout.root), "program": {**vars(program), "startup_seconds": 120.0}}


def eventually(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_creating_twice_adopts_the_running_service(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    described = props(layout, a_program())
    ServiceProvider().create(described)
    first = supervisor.info("web")["pid"]
    ServiceProvider().create(described)
    assert supervisor.info("web")["pid"] == first


def test_an_update_restarts_only_what_changed(layout: Layout, supervisor: Supervisor, a_program: MakeProgram) -> None:
    left_alone, changed = a_program(name="left-alone"), a_program(name="changed")
    for program in (left_alone, changed):
        ServiceProvider().create(props(layout, program))
    before = {name: supervisor.info(name)["pid"] for name in ("left-alone", "changed")}
    config = layout.local / "changed.conf"
    edited = Program(**{**vars(changed), "files": {str(config): "colour: blue\n"}})
    ServiceProvider().update("changed", {**props(layout, changed), "status": READY}, props(layout, edited))
    assert config.read_text() == "colour: blue\n"
    assert supervisor.info("changed")["pid"] != before["changed"]
    assert supervisor.info("left-alone")["pid"] == before["left-alone"]


def test_a_killed_service_is_restarted_by_the_supervisor(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    program = a_program()
    ServiceProvider().create(props(layout, program))
    first = supervisor.info("web")["pid"]
    os.kill(first, 9)
    eventually(lambda: supervisor.info("web")["statename"] == RUNNING and supervisor.info("web")["pid"] != first)
    eventually(lambda: health.problem(program.health) is None)


def test_workers_left_by_a_killed_parent_do_not_block_its_restart(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram, free_port: Callable[[], int]
) -> None:
    port = free_port()
    parent = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SERVER!r}, '{port}']); time.sleep(999)"
    )
    program = a_program(port=port, command=[sys.executable, "-c", parent])
    ServiceProvider().create(props(layout, program))
    first = supervisor.info("web")["pid"]
    worker = psutil.Process(first).children()[0]
    os.kill(first, 9)
    eventually(lambda: supervisor.info("web")["pid"] not in (0, first) and not worker.is_running())
    eventually(lambda: health.problem(program.health) is None)


def test_refresh_sees_a_stopped_a_changed_and_an_unhealthy_service(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    program = a_program()
    described = props(layout, program)
    provider = ServiceProvider()
    provider.create(described)
    assert provider.observe(described) == READY
    os.kill(supervisor.info("web")["pid"], 19)
    assert provider.observe(described) == "unhealthy"
    os.kill(supervisor.info("web")["pid"], 18)
    file = layout.supervisor / "programs" / "web.conf"
    file.write_text(file.read_text() + "; edited by hand\n")
    assert provider.observe(described) == "changed"
    supervisor.stop("web")
    assert provider.observe(described) == "stopped"
    assert provider.diff("web", {**described, "status": "stopped"}, described).changes
    provider.update("web", {**described, "status": "stopped"}, described)
    assert provider.observe(described) == READY
    assert not provider.diff("web", {**described, "status": READY}, described).changes


def test_a_supervisor_on_its_way_down_is_not_taken_for_a_running_one(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    # What asks it to end does not end it.
    ServiceProvider().create(props(layout, a_program(stop_signal="CONT")))
    eventually(lambda: supervisor.info("web")["statename"] == RUNNING)
    os.kill(int((layout.supervisor / "supervisord.pid").read_text()), signal.SIGTERM)
    eventually(lambda: not supervisor.is_running())
    assert layout.socket.exists()
    assert supervisor.programs() == []


def test_a_check_that_does_not_end_is_a_fault_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_TRY_SECONDS", 0.2)
    assert health.problem({"command": ["sleep", "60"]}) == "sleep did not end in 0.2 s"


def test_a_service_that_does_not_come_up_fails_with_the_end_of_its_log(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    program = a_program(command=[sys.executable, "-c", "raise SystemExit('no licence found')"])
    with pytest.raises(health.ServiceFailed, match=r"(?s)Service web ended each time.*no licence found"):
        ServiceProvider().create(props(layout, program))
    assert supervisor.info("web")["statename"] != RUNNING


def test_killing_the_supervisor_and_all_services_loses_nothing(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    program = a_program()
    ServiceProvider().create(props(layout, program))
    for process in list(processes.of_stack(layout.root)):
        process.kill()
    assert not supervisor.is_running()
    SupervisorProvider().create({"root": str(layout.root), "ports": {}})
    ServiceProvider().update("web", {**props(layout, program), "status": "stopped"}, props(layout, program))
    assert health.problem(program.health) is None


def test_services_that_outlived_their_supervisor_are_ended_before_it_starts_again(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    program = a_program()
    ServiceProvider().create(props(layout, program))
    orphan = psutil.Process(supervisor.info("web")["pid"])
    server = int((layout.supervisor / "supervisord.pid").read_text())
    os.kill(server, 9)
    eventually(lambda: not supervisor.is_running())
    assert orphan.is_running()
    supervisor.ensure_running()
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    eventually(lambda: health.problem(program.health) is None)


def test_destroying_leaves_no_process_and_no_socket(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    program = a_program(files={str(layout.local / "web.yaml"): "a: 1\n"})
    ServiceProvider().create(props(layout, program))
    ServiceProvider().delete("web", props(layout, program))
    assert not (layout.local / "web.yaml").exists()
    SupervisorProvider().delete("supervisor", {"root": str(layout.root), "ports": {}})
    assert list(processes.of_stack(layout.root)) == []
    assert not layout.socket.exists()


def test_a_port_held_by_somebody_else_is_named_with_its_holder(tmp_path: Path, free_port: Callable[[], int]) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        described = {"root": str(tmp_path), "ports": {"mlflow": float(server.server_port), "feast": float(free_port())}}
        failures = SupervisorProvider().check({}, described).failures
    finally:
        server.shutdown()
        server.server_close()
    assert len(failures) == 1
    assert f"port {server.server_port} (mlflow) is held by pid {os.getpid()}" in failures[0].reason
    assert "pulumi config set port-base" in failures[0].reason


def test_a_port_held_by_the_stack_itself_is_no_conflict(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram, free_port: Callable[[], int]
) -> None:
    port = free_port()
    ServiceProvider().create(props(layout, a_program(port=port)))
    assert ports.conflicts({"web": port}, layout.root) == []
    assert len(ports.conflicts({"web": port}, layout.root / "another-clone")) == 1


def test_control_files_are_private_to_their_user(
    layout: Layout, supervisor: Supervisor, a_program: MakeProgram
) -> None:
    ServiceProvider().create(props(layout, a_program(environment={"PASSWORD": "s3cr%et"})))
    files = [layout.supervisor / "supervisord.conf", layout.supervisor / "programs" / "web.conf", layout.socket]
    assert [oct(file.stat().st_mode & 0o077) for file in files] == ["0o0"] * 3
    process = psutil.Process(supervisor.info("web")["pid"])
    assert process.environ()["PASSWORD"] == "s3cr%et"
    assert not any("s3cr%et" in word for word in process.cmdline())


def test_a_clone_deep_in_the_file_system_gets_a_socket_that_fits() -> None:
    deep = Layout(Path("/" + "very-long-folder-name/" * 10))
    assert len(str(deep.socket)) < 104
    assert str(deep.socket) in supervisord_config(deep)
    assert deep.socket != Layout(deep.root / "other").socket
