"""A bundle that is replaced while requests come in.

The tests share one stack and run in the order of the file; each leaves it healthy for the next.
"""

import json
import os
import re
import signal
import subprocess
import time
from typing import Any

import pytest

from infra.local import pulumi_cli

pytestmark = pytest.mark.stack


def generations_in_state(stack: Any) -> int:
    latest = json.loads(pulumi_cli.state_file(stack.layout).read_text())["checkpoint"]["latest"]
    return sum(resource["type"].endswith(":Generation") for resource in latest["resources"])


# Another number than any test before leaves behind, so that there is something to replace.
@pytest.mark.parametrize("workers", [4, 2])
def test_no_request_fails_while_a_bundle_is_replaced(stack: Any, workers: int) -> None:
    before = stack.generation()
    with stack.under_load() as load:
        stack.by_hand(f"pulumi config set serving-workers {workers} --stack local")
        stack.by_hand("pulumi up --stack local --yes --skip-preview")
    assert load.failed == []
    assert len(load.answered) > 50
    stack.assert_healthy()
    assert stack.generation() != before
    assert stack.processes(before) == []
    stack.by_hand("pulumi preview --stack local --expect-no-changes")


def test_a_bundle_that_does_not_start_leaves_the_last_one_serving(stack: Any) -> None:
    before = stack.generation()
    file = stack.path / "infra" / "stacks" / "Pulumi.local.yaml"
    original = file.read_text()
    stack.by_hand("pulumi config set bundle trip_duration:0000000000000000 --stack local")
    try:
        with stack.under_load() as load:
            refused = stack.by_hand("pulumi up --stack local --yes --skip-preview", check=False)
    finally:
        file.write_text(original)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "The generation before it goes on serving." in said
    assert "Traceback" not in said
    assert load.failed == []
    stack.assert_healthy()
    assert stack.generation() == before
    stack.by_hand("pulumi preview --stack local --expect-no-changes")


def test_no_request_fails_when_pulumi_is_killed_before_the_route_moves(stack: Any) -> None:
    before = stack.generation()
    environment = dict(line.split("=", 1) for line in stack.by_hand("env").stdout.splitlines() if "=" in line)
    stack.by_hand("pulumi config set serving-workers 3 --stack local")
    update = ["pulumi", "up", "--stack", "local", "--yes", "--skip-preview"]
    with stack.under_load() as load:
        running = subprocess.Popen(
            update, cwd=stack.path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # The next generation is known to the state as soon as it is ready.
        stack.eventually(lambda: generations_in_state(stack) == 2)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        time.sleep(1)
        stack.up()
    assert load.failed == []
    stack.assert_healthy()
    assert stack.generation() != before
    stack.by_hand("pulumi config set serving-workers 2 --stack local")
    stack.by_hand("pulumi up --stack local --yes --skip-preview")


def test_traffic_to_a_version_that_the_bundle_does_not_hold_fails_the_preview_with_one_sentence(stack: Any) -> None:
    file = stack.path / "infra" / "stacks" / "Pulumi.local.yaml"
    original = file.read_text()
    stack.by_hand("pulumi config set --path traffic.champion 4711 --stack local")
    try:
        refused = stack.by_hand("pulumi preview --stack local", check=False)
    finally:
        file.write_text(original)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert re.search(r"[Bb]undle trip_duration:\w+ does not", said), said
    assert "Traceback" not in said
    assert not stack.layout.traffic.exists()
