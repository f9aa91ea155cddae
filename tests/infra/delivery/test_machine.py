"""Environments on one machine, and how a cloud stack is deployed."""

from pathlib import Path

import pytest

from infra.delivery.deploy import cloud_commands
from infra.delivery.machine import Machine, MachineError, MachineSettings, environment_of_services, hand_over, machine
from infra.settings import PORTS_PER_STACK

TAG = "trip_duration:abc"


def places(folder: Path) -> tuple[Machine, Machine]:
    settings = MachineSettings(KEELSON_ENVIRONMENTS=folder, KEELSON_PORT_BASE=20_000, KEELSON_ROWS=1000)  # pyright: ignore[reportCallIssue]
    return machine("staging", settings), machine("prod", settings)


def test_environments_have_folders_and_ports_of_their_own(tmp_path: Path) -> None:
    staging, prod = places(tmp_path)
    assert (staging.root, prod.root) == (tmp_path / "staging", tmp_path / "prod")
    assert prod.port_base - staging.port_base == PORTS_PER_STACK


def test_an_environment_that_is_none_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'qa' is no environment; there are dev, staging, prod"):
        machine("qa", MachineSettings(KEELSON_ENVIRONMENTS=tmp_path))  # pyright: ignore[reportCallIssue]
    with pytest.raises(ValueError, match="KEELSON_ENVIRONMENTS is not set"):
        machine("dev", MachineSettings())


def test_an_environment_in_which_nothing_was_deployed_says_so(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"dev has no stack in .*: deploy there first"):
        machine("dev", MachineSettings.model_validate({"KEELSON_ENVIRONMENTS": tmp_path})).client("pipelines.submit")


def test_a_stack_gets_nothing_of_the_job_that_deploys_it() -> None:
    given = {
        "GITHUB_TOKEN": "secret",
        "RUNNER_TRACKING_ID": "github_1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
        "AWS_SESSION_TOKEN": "secret",
        "HOME": "/home/runner",
        "PATH": "/usr/bin",
    }
    assert environment_of_services(given) == {"HOME": "/home/runner", "PATH": "/usr/bin"}


def test_a_bundle_is_copied_whole_over_one_that_is_damaged(tmp_path: Path) -> None:
    staging, prod = places(tmp_path)
    with pytest.raises(MachineError, match=f"staging has no bundle {TAG}"):
        hand_over(TAG, staging, prod)
    there, here = (place.bundles / "trip_duration" / "abc" for place in (staging, prod))
    (there / "src").mkdir(parents=True)
    (there / "src" / "bundle.json").write_text("{}")
    (here / "src").mkdir(parents=True)
    (here / "src" / "old").touch()
    hand_over(TAG, staging, prod)
    assert [file.name for file in (here / "src").iterdir()] == ["bundle.json"]
    assert [one.name for one in here.parent.iterdir()] == ["abc"]


def test_a_cloud_stack_passes_preflight_and_is_held_to_the_policy_pack_each_time() -> None:
    commands = [" ".join(command) for command in cloud_commands("prod", "trip_duration:abc", apply=True)]
    order = ["infra.policies.environment", "infra.operations.preflight", "pulumi preview", "pulumi up"]
    assert all(word in command for word, command in zip(order, commands, strict=True))
    assert all("--stack prod --policy-pack infra/policies/pack --non-interactive" in one for one in commands[2:])
    # What is served is in the ledger, and deploying code must not change it.
    assert all("--config keelson:bundle=trip_duration:abc" in one for one in commands[2:])
    assert not any("pulumi up" in " ".join(command) for command in cloud_commands("prod", None, apply=False))
