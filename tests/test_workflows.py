"""Workflows hold no key, pin what they run, have few rights, and never cut a deployment off."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
every_workflow = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


# All rights that each workflow's jobs have among them; `id-token` is the right to ask for a token of the environment.
RIGHTS = {
    "ci": {"contents": "read"},
    "delivery": {"actions": "read", "contents": "read", "deployments": "write", "id-token": "write"},
    "deploy": {"actions": "read", "contents": "read", "deployments": "write", "id-token": "write"},
    "release-model": {"actions": "read", "contents": "read", "deployments": "write", "id-token": "write"},
    "train": {"contents": "read", "id-token": "write"},
}


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(file.read_text())["jobs"].values() for step in job.get("steps", [])]


def called(job: dict[str, Any]) -> str | None:
    """The workflow of ours that a job calls."""
    return Path(job["uses"]).stem if "uses" in job else None


@every_workflow
def test_every_action_is_one_commit_whose_version_stands_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", file.read_text())
    assert used
    for action, comment in used:
        if action.startswith("./"):
            assert (ROOT / action).is_file()
            continue
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


@every_workflow
def test_a_job_has_only_the_rights_that_it_names(file: Path) -> None:
    told = yaml.safe_load(file.read_text())
    assert told["permissions"] == {}
    assert all("permissions" in job for job in told["jobs"].values())


@pytest.mark.parametrize("name", sorted(RIGHTS))
def test_a_workflow_has_the_rights_that_are_listed_here_and_a_caller_hands_on_what_is_used(name: str) -> None:
    jobs = workflow(name)["jobs"].values()
    assert {right: level for job in jobs for right, level in job["permissions"].items()} == RIGHTS[name]
    for job in jobs:
        if other := called(job):
            assert job["permissions"] == RIGHTS[other]
        elif "id-token" in job["permissions"]:
            assert "environment" in job


@every_workflow
def test_every_job_ends_in_time_and_every_workflow_says_what_may_run_beside_it(file: Path) -> None:
    told = yaml.safe_load(file.read_text())
    assert told["concurrency"]["group"]
    assert all(called(job) or 0 < job["timeout-minutes"] <= 360 for job in told["jobs"].values())


@every_workflow
def test_no_input_is_pasted_into_a_shell_and_no_secret_is_read(file: Path) -> None:
    assert not any("${{" in step.get("run", "") for step in steps(file))
    assert "secrets." not in file.read_text()


@pytest.mark.parametrize("name", ["deploy", "release-model"])
def test_what_changes_an_environment_waits_its_turn_and_is_never_cut_off(name: str) -> None:
    assert workflow(name)["concurrency"] == {
        "group": "environment-${{ inputs.environment }}",
        "cancel-in-progress": False,
    }


def test_only_checks_of_a_pull_request_are_cut_off() -> None:
    told = {file.stem: yaml.safe_load(file.read_text())["concurrency"]["cancel-in-progress"] for file in FILES}
    assert told.pop("ci") == "${{ github.event_name == 'pull_request' }}"
    assert [name for name in RIGHTS if told.get(name)] == []


def test_a_deployment_is_admitted_held_to_policies_and_closed_in_the_ledger_whatever_comes_of_it() -> None:
    (job,) = workflow("deploy")["jobs"].values()
    runs = [step for step in job["steps"] if "run" in step]
    order = [
        "make env",
        "infra.delivery.enter code",
        "infra.policies",
        "infra.delivery.deploy",
        "--apply",
        "infra.delivery.settle",
    ]
    places = [next(i for i, step in enumerate(runs) if word in step["run"]) for word in order]
    assert places == sorted(places)
    assert runs[-1]["if"].startswith("always()")


def test_a_model_is_released_once_its_bundle_was_compared_and_admitted() -> None:
    (job,) = workflow("release-model")["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    order = ["infra.delivery.bundle", "infra.delivery.enter model", "infra.delivery.release", "infra.delivery.settle"]
    places = [next(i for i, run in enumerate(runs) if word in run) for word in order]
    assert places == sorted(places)
    assert "serving.bundle" not in "".join(runs)


def test_code_is_deployed_to_the_environment_of_its_branch_after_ci_and_by_release_to_prod() -> None:
    jobs = workflow("delivery")["jobs"]
    assert {name: job["with"]["environment"] for name, job in jobs.items() if called(job) == "deploy"} == {
        name: name for name in ("dev", "staging", "prod")
    }
    assert (jobs["dev"]["needs"], jobs["dev"]["if"]) == ("ci", "github.ref == 'refs/heads/develop'")
    assert (jobs["staging"]["needs"], jobs["staging"]["if"]) == ("ci", "github.ref == 'refs/heads/main'")
    assert jobs["prod"]["if"] == "github.event_name == 'release'"


def test_uv_is_the_pinned_one() -> None:
    pinned = tomllib.loads((ROOT / "infra" / "tools" / "versions.toml").read_text())["uv"]["version"]
    asked = [step["with"]["version"] for file in FILES for step in steps(file) if "setup-uv" in step.get("uses", "")]
    assert asked
    assert set(asked) == {pinned}
