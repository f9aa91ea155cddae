"""Pulumi's own plan in words; the plan comes from the real Pulumi."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.review.plan import PlanError, ask, read

ROOT = Path(__file__).parents[3]
PROGRAM = """\
import pulumi

class Part(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("keelson:test:Part", name)
        self.register_outputs({})

Part("queue")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(
        f"name: keelson\nruntime:\n  name: python\n  options: {{toolchain: pip, virtualenv: {ROOT}/.venv}}\n"
    )
    (tmp_path / "__main__.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def environment(project: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{ROOT}/.local/bin:{ROOT}/.venv/bin:{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": f"file://{project}/state",
        "PULUMI_HOME": str(project / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "",
    }


@pytest.fixture
def pulumi(project: Path, environment: dict[str, str]) -> Callable[..., None]:
    def run(*arguments: str) -> None:
        command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive"]
        subprocess.run(command, cwd=project, env=environment, capture_output=True, check=True)

    run("stack", "init")
    return run


def test_what_would_be_made_changed_and_removed_is_said(
    project: Path, environment: dict[str, str], pulumi: Callable[..., None]
) -> None:
    def said() -> str:
        return ask("dev", environment=environment, root=project).markdown("dev")

    assert "**Pulumi** 2 to create." in said()
    assert "- create `keelson:test:Part queue`" in said()
    pulumi("up", "--yes", "--skip-preview")
    assert said() == "**Pulumi** would change nothing of dev.\n"
    (project / "__main__.py").write_text(PROGRAM.replace('Part("queue")', ""))
    assert "**Pulumi** 1 to delete." in said()


def test_a_program_that_fails_is_told_with_its_error(
    project: Path, environment: dict[str, str], pulumi: Callable[..., None]
) -> None:
    (project / "__main__.py").write_text('raise RuntimeError("no ``` zone")\n')
    plan = ask("dev", environment=environment, root=project)
    assert plan.errors
    text = plan.markdown("dev")
    assert "cannot preview dev" in text
    assert "no ``` zone" in text
    assert "````" in text


def test_a_state_that_cannot_be_reached_is_told(project: Path, environment: dict[str, str]) -> None:
    plan = ask("dev", environment={**environment, "PULUMI_BACKEND_URL": "file:///nowhere"}, root=project)
    assert "nowhere" in plan.markdown("dev")
    assert plan.steps == ()


@pytest.mark.parametrize(("options", "status"), [([], 1), (["--expect-no-changes"], 1)])
def test_the_command_fails_where_pulumi_cannot_say(
    environment: dict[str, str], options: list[str], status: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.review.plan", "--stack", "dev", *options],
        cwd=ROOT,
        env={**environment, "PULUMI_BACKEND_URL": "file:///nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert "cannot preview dev" in done.stdout
    assert "Traceback" not in done.stderr


def test_something_else_than_a_plan_is_shown_as_it_is() -> None:
    with pytest.raises(PlanError, match="Not authorized to perform"):
        read("error: Not authorized to perform sts:AssumeRoleWithWebIdentity")
    with pytest.raises(PlanError, match="nothing was printed"):
        read("")
    with pytest.raises(PlanError):
        read("[]")


def test_what_goes_is_read_first_and_a_replacement_is_one_step() -> None:
    def step(op: str, name: str) -> dict[str, object]:
        return {"op": op, "urn": f"urn:pulumi:dev::keelson::a:b:C$aws:s3/bucket:Bucket::{name}"}

    steps = [step("create", "a"), step("same", "b"), step("replace", "c"), step("create-replacement", "c")]
    steps += [
        step("delete-replaced", "c"),
        {**step("update", "d"), "detailedDiff": {"tags.x": {}}},
        step("delete", "e"),
    ]
    plan = read(json.dumps({"steps": steps}))
    text = plan.markdown("dev")
    assert "1 to create, 1 to delete, 1 to replace, 1 to update." in text
    order = [text.index(f"Bucket {name}`") for name in ("e", "c", "a", "d")]
    assert order == sorted(order)
    assert "- update `aws:s3/bucket:Bucket d`: `tags.x`" in text
