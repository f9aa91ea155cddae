"""What a killed Pulumi leaves is repaired; a working one is left alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local import pulumi_cli
from infra.local.environment_file import parse, render
from infra.local.layout import Layout

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def a_lock(layout: Layout, pid: int) -> Path:
    folder = layout.state / ".pulumi" / "locks" / "organization" / "keelson" / "local"
    folder.mkdir(parents=True)
    lock = folder / "0d9a.json"
    lock.write_text(json.dumps({"pid": pid, "username": "me", "hostname": "here", "timestamp": "2026-01-01"}))
    return lock


def a_pulumi_process(layout: Layout) -> "subprocess.Popen[bytes]":
    """A stand-in that the repair must recognise: Pulumi's environment and a plugin's command line."""
    command = [sys.executable, "-c", "import time; time.sleep(600)", "pulumi.dynamic"]
    started = subprocess.Popen(command, env={**os.environ, "PULUMI_HOME": str(layout.pulumi_home)})
    while b"PULUMI_HOME" not in Path(f"/proc/{started.pid}/environ").read_bytes():
        time.sleep(0.01)
    return started


def test_a_lock_whose_holder_is_gone_is_removed(layout: Layout) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock = a_lock(layout, gone.pid)
    assert any("lock" in sentence for sentence in pulumi_cli.repair(layout))
    assert not lock.exists()


def test_a_lock_whose_number_went_to_another_process_is_removed(layout: Layout) -> None:
    lock = a_lock(layout, os.getpid())
    pulumi_cli.repair(layout)
    assert not lock.exists()


def test_a_lock_that_its_holder_gives_back_while_it_is_looked_at_is_no_fault(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = a_lock(layout, os.getpid())
    read = Path.read_text

    def given_back(self: Path, *args: Any, **kwargs: Any) -> str:
        lock.unlink(missing_ok=True)
        return read(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", given_back)
    pulumi_cli.repair(layout)


def test_a_pulumi_at_work_is_named_and_not_disturbed(layout: Layout) -> None:
    worker = a_pulumi_process(layout)
    try:
        lock = a_lock(layout, worker.pid)
        with pytest.raises(pulumi_cli.PulumiError, match=f"already at work.*pid {worker.pid}"):
            pulumi_cli.repair(layout)
        assert lock.exists()
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()


def test_plugins_that_outlived_a_killed_pulumi_are_ended(layout: Layout) -> None:
    orphan = a_pulumi_process(layout)
    stranger = a_pulumi_process(Layout(layout.root / "another-clone"))
    try:
        assert pulumi_cli.repair(layout) == ["ended 1 leftover Pulumi processes"]
        assert orphan.poll() is not None or psutil.Process(orphan.pid).status() == psutil.STATUS_ZOMBIE
        assert stranger.poll() is None
    finally:
        for process in (orphan, stranger):
            process.kill()
            process.wait()


def test_a_state_that_a_killed_pulumi_made_unreadable_is_read_again(layout: Layout) -> None:
    (layout.root / "Pulumi.yaml").write_text("name: keelson\nruntime: python\n")
    layout.bin.parent.mkdir()
    layout.bin.symlink_to(Layout(ROOT).bin)
    pulumi_cli.prepare(layout)
    assert not [*layout.state.rglob("*.attrs")], "Pulumi writes them beside the file, not with it"
    state = pulumi_cli.state_file(layout)
    for half_written in (f"{state.name}.attrs", f"{state.name}.18bc.tmp"):
        (state.parent / half_written).touch()
    export = ("stack", "export", "--stack", "local")
    with pytest.raises(pulumi_cli.PulumiError, match="EOF"):
        pulumi_cli.run(layout, *export, quiet=True)
    assert pulumi_cli.repair(layout) == ["removed 2 files that Pulumi wrote beside its state"]
    pulumi_cli.run(layout, *export, quiet=True)
    assert pulumi_cli.repair(layout) == []


def test_nothing_to_repair_says_nothing(layout: Layout) -> None:
    assert pulumi_cli.repair(layout) == []


def test_the_environment_file_is_read_alike_by_shells_and_by_us(tmp_path: Path) -> None:
    values = {"A": "plain", "B": "with space and 'quotes'", "C": "postgresql+psycopg://u:p%40@h/db"}
    file = tmp_path / "platform.env"
    file.write_text(render(values))
    assert parse(file.read_text()) == values
    shown = subprocess.run(["sh", "-c", f". {file}; env"], capture_output=True, text=True, env={}, check=True).stdout
    assert all(f"{name}={value}" in shown for name, value in values.items())
