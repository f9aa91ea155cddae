"""Pulumi's own plan in words; the plan comes from the real Pulumi."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.review.plan import PlanError, read

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


def pulumi(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{ROOT}/.local/bin:{ROOT}/.venv/bin:{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": f"file://{project}/state",
        "PULUMI_HOME": str(project / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive"]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def said(project: Path) -> tuple[int, str]:
    """What the command makes of Pulumi's preview."""
    preview = pulumi(project, "preview", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "infra.review.plan", "--stack", "dev"],
        cwd=ROOT, input=preview.stdout, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_what_would_be_made_and_what_stays_are_told_apart(project: Path) -> None:
    assert pulumi(project, "stack", "init").returncode == 0
    status, text = said(project)
    assert status == 2
    assert "**Pulumi** 2 to create." in text
    assert "- create `keelson:test:Part queue`" in text
    assert pulumi(project, "up", "--yes", "--skip-preview").returncode == 0
    status, text = said(project)
    assert (status, text.strip()) == (0, "**Pulumi** would change nothing of dev.")
    (project / "__main__.py").write_text(PROGRAM.replace('Part("queue")', ""))
    status, text = said(project)
    assert status == 2
    assert "**Pulumi** 1 to delete." in text


def test_a_program_that_fails_is_told_with_its_error(project: Path) -> None:
    assert pulumi(project, "stack", "init").returncode == 0
    (project / "__main__.py").write_text('raise RuntimeError("no ``` zone")\n')
    status, text = said(project)
    assert status == 1
    assert "cannot preview dev" in text
    assert "no ``` zone" in text
    assert "````" in text


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
