"""What contributors are given works: the changelog builds, hooks catch what lint would, forms are forms."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.repository.roles import ROLES

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv" / "bin"


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with this one's settings, its environment, and nothing else."""
    for name in ("pyproject.toml", ".pre-commit-config.yaml", ".gitignore", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "changes", tmp_path / "changes")
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    assert run(tmp_path, "git", "init", "-q").returncode == 0
    (tmp_path / ".git" / "info" / "exclude").write_text(".venv\n")
    return tmp_path


def test_the_changelog_of_the_next_release_holds_every_note_and_empties_the_folder(clone: Path) -> None:
    (clone / "changes" / "12.fixed.md").write_text("Labels that come late are counted.\n")
    (clone / "changes" / "+tidy.internal.md").write_text("")
    assert run(clone, "git", "add", "-A").returncode == 0
    notes = [note for note in (clone / "changes").glob("*.*.md") if note.read_text()]
    built = run(clone, BIN / "towncrier", "build", "--version", "1.2.0", "--yes")
    assert built.returncode == 0, built.stderr
    log = (clone / "CHANGELOG.md").read_text()
    assert log.index("<!-- releases -->") < log.index("## 1.2.0 (")
    assert "- Labels that come late are counted. (#12)" in log
    assert "tidy" not in log
    assert len(notes) >= 2
    assert [file.name for file in (clone / "changes").iterdir()] == ["README.md"]


def test_each_note_has_a_kind_that_the_changelog_knows() -> None:
    drafted = run(ROOT, BIN / "towncrier", "build", "--draft", "--version", "next")
    assert drafted.returncode == 0, drafted.stderr
    kinds = re.findall(r"\{ directory = \"(\w+)\"", (ROOT / "pyproject.toml").read_text())
    notes = [note.name for note in (ROOT / "changes").iterdir() if note.name != "README.md"]
    assert [note for note in notes if not re.fullmatch(rf"(\d+|\+[\w-]+)\.({'|'.join(kinds)})\.md", note)] == []
    named = (ROOT / "changes" / "README.md").read_text()
    assert [kind for kind in kinds if f"`{kind}`" not in named] == []


def hooks(clone: Path) -> subprocess.CompletedProcess[str]:
    assert run(clone, "git", "add", "-A").returncode == 0
    command = ["env", f"PRE_COMMIT_HOME={clone / '.git' / 'hooks-of-a-test'}", BIN / "pre-commit", "run", "--all-files"]
    return run(clone, *command)


def test_hooks_let_what_is_here_pass(clone: Path) -> None:
    done = hooks(clone)
    assert done.returncode == 0, done.stdout
    assert "Skipped" in done.stdout  # there is no Python yet


@pytest.mark.parametrize(
    ("file", "text", "hook"),
    [
        ("serving/ugly.py", "x = {  'a':1 }\n", "format"),
        ("serving/unsafe.py", 'import os\n\nprint("unused import")\n', "style"),
        (".github/workflows/odd.yml", "on: push\njobs:\n  a:\n    run-on: here\n", "shape of workflows"),
        (".github/ISSUE_TEMPLATE/odd.yml", "name: odd\nbody: []\n", "shape of issue forms"),
        (".github/renovate.json", '{"enabledManagers": "all"}\n', "shape of Renovate's configuration"),
    ],
)
def test_hooks_stop_what_lint_would_stop(clone: Path, file: str, text: str, hook: str) -> None:
    (clone / file).parent.mkdir(parents=True, exist_ok=True)
    (clone / file).write_text(text)
    done = hooks(clone)
    assert done.returncode == 1, done.stdout
    assert re.search(rf"^{hook}\.+Failed", done.stdout, re.MULTILINE), done.stdout


def test_hooks_run_nothing_but_the_locked_tools() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [one["repo"] for one in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "unsupported"
        program = ROOT / hook["entry"].split()[0]
        assert program.parent == BIN
        assert program.exists(), program


def test_every_target_and_role_that_contributors_are_told_of_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in ("CONTRIBUTING.md", "SECURITY.md", "changes/README.md", ".github/pull_request_template.md"):
        text = (ROOT / page).read_text()
        assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets, page
    slugs = {role.slug for role in ROLES}
    assert set(re.findall(r"team `([\w-]+)`", (ROOT / "SECURITY.md").read_text())) <= slugs
