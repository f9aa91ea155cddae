"""The workflows that show changes and drift, and that take stacks down: who gets which rights, and that steps run."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.render.engine import record
from infra.render.write import files, write
from infra.repository.roles import ROLES
from infra.repository.table import ALLOWED_ACTIONS, ENVIRONMENTS
from infra.settings import STACKS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
NAMES = ("preview", "drift", "teardown")
INSIDE = "github.event.pull_request.head.repo.full_name == github.repository"


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text())


def jobs(name: str) -> dict[str, Any]:
    return workflow(name)["jobs"]


def step(job: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in job["steps"] if one.get("name") == name]
    return found


def run(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as GitHub does for ``shell: bash``."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    # Of a `make` around the tests a job knows nothing.
    own = {name: value for name, value in os.environ.items() if name not in {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}}
    given = {**own, **environment}
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off_and_nothing_runs_for_ever(name: str) -> None:
    assert workflow(name)["concurrency"]["cancel-in-progress"] is False
    assert all(job["timeout-minutes"] <= 120 for job in jobs(name).values())


def test_a_pull_request_from_a_fork_gets_no_role_and_no_token_that_writes() -> None:
    for job in jobs("preview").values():
        if job["permissions"] != {"contents": "read"}:
            assert INSIDE in job["if"]


def test_the_job_that_writes_on_a_pull_request_runs_what_is_merged_already() -> None:
    comment = jobs("preview")["comment"]
    assert comment["permissions"] == {"contents": "read", "pull-requests": "write"}
    (checkout,) = [one for one in comment["steps"] if "checkout" in one.get("uses", "")]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def roles(name: str) -> Iterator[tuple[str, str | None]]:
    """(role, environment) of each job that takes a role on."""
    for job in jobs(name).values():
        for one in job["steps"]:
            if "role-to-assume" in one.get("with", {}):
                yield one["with"]["role-to-assume"].rpartition("/")[2], job.get("environment")


def test_each_job_takes_the_role_that_trusts_its_subject() -> None:
    trust = (ROOT / "infra" / "bootstrap" / "account.py").read_text()
    assert '("pull_request", "environment:drift")' in trust
    # No environment: GitHub then says `pull_request` in the subject.
    assert list(roles("preview")) == [("keelson-preview", None)]
    assert list(roles("drift")) == [("keelson-preview", "drift")]
    assert list(roles("teardown")) == [
        ("keelson-deploy-${{ inputs.environment }}", "${{ inputs.environment }}"),
    ]


def test_the_environment_of_the_look_for_drift_lets_main_alone_in() -> None:
    (drift,) = [one for one in ENVIRONMENTS if one.name == "drift"]
    assert (drift.ref_type, drift.refs) == ("branch", ("main",))


def test_every_stack_is_looked_at_and_its_words_reach_the_last_job() -> None:
    for name, last in (("preview", "comment"), ("drift", "issue")):
        (looking,) = [job for job in jobs(name).values() if "strategy" in job]
        matrix = looking["strategy"]["matrix"]
        stacks = matrix.get("stack") or [one["stack"] for one in matrix["include"]]
        assert stacks == list(STACKS)
        assert list(looking["outputs"]) == stacks
        told = jobs(name)[last]["steps"][-1]["env"]
        assert {f"PLAN_{stack.upper()}" for stack in stacks} <= told.keys()


def test_github_lets_every_action_run_that_is_used_and_no_other_than_those() -> None:
    used = {use for file in FOLDER.glob("*.yml") for use in re.findall(r"uses: ([\w-]+/[\w-]+)@", file.read_text())}
    allowed = {one.removesuffix("@*") for one in ALLOWED_ACTIONS}
    assert {one for one in used if not one.startswith(("actions/", "github/"))} == allowed


def test_every_environment_of_a_workflow_is_protected_by_the_table() -> None:
    known = {one.name for one in ENVIRONMENTS}
    for file in FOLDER.glob("*.yml"):
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            named = job.get("environment", "drift")
            # Where it is asked for, it is one of the stacks'.
            each = {re.sub(r"\$\{\{.*?\}\}", stack, named) for stack in STACKS}
            assert each <= known, f"{file.name}: {named}"
    # YAML reads the word `on` as true.
    asked = workflow("teardown")[True]["workflow_dispatch"]["inputs"]["environment"]["options"]
    assert asked == list(STACKS)
    assert {slug for one in ENVIRONMENTS for slug in one.reviewers} <= {role.slug for role in ROLES}


def test_the_step_that_says_what_differs_hands_it_on(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    rendered = files(record("dev"))
    for stack in STACKS:
        write(rendered, tmp_path / "render" / "after" / stack)
    output, summary = tmp_path / "output", tmp_path / "summary"
    done = run(
        step(jobs("preview")["change"], "What differs")["run"],
        tmp_path,
        GITHUB_OUTPUT=str(output),
        GITHUB_STEP_SUMMARY=str(summary),
        PYTHONPATH=str(ROOT),
    )
    assert done.returncode == 0, done.stderr
    first, *text, last = output.read_text().splitlines()
    assert first == f"change<<{last}"
    assert "### prod" in text
    assert "### prod" in summary.read_text()


def test_a_plan_that_fails_fails_the_step_and_is_handed_on_all_the_same(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    for name, job, title in (("preview", "plan", "What Pulumi would do"), ("drift", "look", "What Pulumi would do")):
        output = tmp_path / name
        done = run(
            step(jobs(name)[job], title)["run"],
            tmp_path,
            STACK="dev",
            GITHUB_OUTPUT=str(output),
            GITHUB_STEP_SUMMARY=str(tmp_path / "summary"),
            PYTHONPATH=str(ROOT),
            PULUMI_BACKEND_URL="file:///nowhere",
        )
        assert done.returncode == 1
        assert output.read_text().startswith("dev<<")
        assert "cannot preview dev" in output.read_text()


@pytest.mark.parametrize(("tags", "commit"), [([], "main"), (["v1.9.0", "v1.10.0", "w2"], "v1.10.0")])
def test_prod_is_held_against_its_newest_release(tmp_path: Path, tags: list[str], commit: str) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q", "-b", "main")
    for tag in [*tags, "last"]:
        git("commit", "-q", "--allow-empty", "-m", tag)
        if tag != "last":
            git("tag", tag)
    done = run(step(jobs("drift")["look"], "The newest release")["run"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert git("rev-parse", "HEAD") == git("rev-parse", commit)


def test_a_teardown_gives_the_typed_name_to_the_program_that_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text('teardown:\n\t@read -r typed; echo "$(STACK) typed as $$typed"\n')
    text = step(jobs("teardown")["teardown"], "Drain, destroy, look for what is left")["run"]
    done = run(text, tmp_path, STACK="dev", CONFIRMATION='dev"; touch stolen; "')
    assert done.stdout == 'dev typed as dev"; touch stolen; "\n'
    assert not (tmp_path / "stolen").exists()
    # Nothing answers for the person.
    assert "yes" not in text
