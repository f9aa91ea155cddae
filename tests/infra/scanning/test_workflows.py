"""Workflows are checked by actionlint and zizmor, each of which finds what the other does not know."""

import subprocess
from pathlib import Path

import pytest

from infra.scanning.workflows import FOLDER, commands

SOUND = """\
name: sound
on:
  workflow_dispatch:
    inputs:
      word:
        description: To say
        type: string
        required: true
permissions: {}
concurrency:
  group: sound
  cancel-in-progress: false
jobs:
  say:
    name: say
    runs-on: ubuntu-24.04
    permissions: {}
    steps:
      - name: Say
        run: echo "$WORD"
        env:
          WORD: ${{ inputs.word }}
"""
ACTIONLINT, ZIZMOR = 0, 1


def exit_statuses(root: Path, text: str) -> list[int]:
    """Of actionlint and of zizmor, over a project with one workflow."""
    folder = root / ".github"
    (folder / "workflows").mkdir(parents=True)
    (folder / "workflows" / "one.yml").write_text(text)
    return [
        subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode for command in commands(folder)
    ]


def test_our_own_workflows_are_clean() -> None:
    for command in commands(FOLDER):
        done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_sound_workflow_passes(tmp_path: Path) -> None:
    assert exit_statuses(tmp_path, SOUND) == [0, 0]


@pytest.mark.parametrize(
    ("sound", "faulty", "finder"),
    [
        ("inputs.word", "inputs.wrod", ACTIONLINT),
        ('echo "$WORD"', 'echo "${{ inputs.word }}"', ZIZMOR),
        ("    permissions: {}\n    steps", "    permissions: write-all\n    steps", ZIZMOR),
        ("    steps:\n", "    steps:\n      - uses: actions/checkout@v7\n", ZIZMOR),
    ],
    ids=["an input that is not there", "an input in a script", "all rights", "an action that moves"],
)
def test_a_fault_is_found(tmp_path: Path, sound: str, faulty: str, finder: int) -> None:
    assert sound in SOUND
    assert exit_statuses(tmp_path, SOUND.replace(sound, faulty))[finder] != 0
