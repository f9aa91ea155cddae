"""The local stack as its user breaks it: killed at any moment, taken down, and whole again after the next `make up`.

The tests share one stack and run in the order of the file; each leaves it healthy for the next.
"""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("delay", [0.8, 2.0, 3.5])
def test_a_pulumi_killed_at_any_moment_is_repaired_by_the_next_up(stack: Any, delay: float) -> None:
    workers = 3 if delay != 2.0 else 2
    stack.by_hand(f"pulumi config set serving-workers {workers} --stack local")
    environment = stack.by_hand("env").stdout
    env = dict(line.split("=", 1) for line in environment.splitlines() if "=" in line)
    update = subprocess.Popen(
        ["pulumi", "up", "--stack", "local", "--yes", "--skip-preview", "--refresh"],
        cwd=stack.path,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(delay)
    os.kill(update.pid, signal.SIGKILL)
    update.wait()
    stack.up()
    stack.assert_healthy()
    state = json.loads((stack.path / ".local/state/.pulumi/stacks/keelson/local.json").read_text())
    latest = state["checkpoint"]["latest"]
    names = [resource["urn"] for resource in latest["resources"]]
    assert len(names) == len(set(names))
    assert not latest.get("pending_operations")
    stack.by_hand("pulumi preview --stack local --expect-no-changes")


def test_killing_every_process_loses_nothing(stack: Any) -> None:
    champion = stack.status()["champion"]
    answer = stack.predict().json()

    def killed() -> bool:
        """Whether none is left to kill: what the supervisor restarts while it still lives is killed the next time."""
        left = stack.processes()
        for process in left:
            # A worker may have ended with the parent that was killed before it.
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return left == []

    stack.eventually(killed)
    said = stack.up()
    assert "pipeline" not in said["phases"]
    assert said["champion"] == champion
    stack.assert_healthy()
    assert stack.predict().json()["predictions"] == answer["predictions"]


def test_down_leaves_nothing_and_up_brings_the_same_model_back(stack: Any) -> None:
    champion = stack.status()["champion"]
    stack.make("down")
    assert stack.processes() == []
    assert not stack.layout.socket.exists()
    held = {c.laddr.port for c in psutil.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN and c.laddr}
    assert not held & set(range(stack.port_base, stack.port_base + 20))
    stack.make("down")
    assert "down" in stack.make("status", check=False).stdout
    said = stack.up()
    assert "pipeline" not in said["phases"]
    assert said["champion"] == champion
    stack.assert_healthy()


def test_a_first_up_killed_again_and_again_is_finished_by_the_next(another_clone: Any) -> None:
    command = ["make", "up", "ROWS=20000", f"PORT_BASE={another_clone.port_base}"]
    for seconds in (5, 9, 14, 10):
        attempt = subprocess.Popen(
            command,
            cwd=another_clone.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(seconds)
        # All of it at once: make, the driver, Pulumi, its plugins, the pipeline and its step.
        os.killpg(attempt.pid, signal.SIGKILL)
        attempt.wait()
    said = another_clone.up()
    assert said["champion"]["metrics"]["test.mae"] < said["champion"]["metrics"]["baseline.mae"]
    another_clone.assert_healthy()
    assert another_clone.predict().status_code == 200
    another_clone.by_hand("pulumi preview --stack local --expect-no-changes")
    another_clone.make("down")
    assert another_clone.processes() == []
