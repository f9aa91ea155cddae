"""Workflows hold no key, pin what they run, and never cut a deployment off."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
every_workflow = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(file.read_text())["jobs"].values() for step in job["steps"]]


@every_workflow
def test_every_action_is_one_commit_whose_version_stands_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", file.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


@every_workflow
def test_a_job_has_only_the_rights_that_it_names(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())


@every_workflow
def test_no_input_is_pasted_into_a_shell_and_no_secret_is_read(file: Path) -> None:
    assert not any("${{" in step.get("run", "") for step in steps(file))
    assert "secrets." not in file.read_text()


def test_a_deployment_passes_preflight_and_policies_and_is_never_cut_off() -> None:
    file = ROOT / ".github" / "workflows" / "deploy.yml"
    workflow = yaml.safe_load(file.read_text())
    assert workflow["concurrency"]["cancel-in-progress"] is False
    runs = [step["run"] for step in steps(file) if "run" in step]
    order = [next(i for i, run in enumerate(runs) if word in run) for word in ("preflight", "preview", "pulumi up")]
    assert order == sorted(order)
    pulumi = [run for run in runs if run.startswith("pulumi")]
    assert len(pulumi) == 2
    assert all("--policy-pack infra/policies/pack" in run for run in pulumi)


def test_a_deployment_takes_the_role_that_bootstrap_makes_for_its_environment() -> None:
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"].values()
    assert job["environment"] == "${{ inputs.stack }}"
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    (role,) = [step["with"]["role-to-assume"] for step in job["steps"] if "role-to-assume" in step.get("with", {})]
    assert role.endswith(":role/keelson-deploy-${{ inputs.stack }}")


def test_uv_is_the_pinned_one() -> None:
    pinned = tomllib.loads((ROOT / "infra" / "tools" / "versions.toml").read_text())["uv"]["version"]
    asked = [step["with"]["version"] for file in FILES for step in steps(file) if "setup-uv" in step.get("uses", "")]
    assert asked
    assert set(asked) == {pinned}
