"""The real Pulumi on a scratch project: settings that pause and resume write are settings that the program reads."""

import os
from pathlib import Path

import pytest
import yaml

from infra import settings
from infra.operations import pulumi_cli
from infra.operations.pulumi_cli import PulumiCli, PulumiError


@pytest.fixture
def pulumi(tmp_path: Path) -> PulumiCli:
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: keelson\nruntime: python\nstackConfigDir: stacks\n")
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "",
    }
    at_edge = pulumi_cli.at_edge("dev", environment)
    return PulumiCli(stack="dev", environment=at_edge.environment, root=tmp_path)


@pytest.fixture
def made(pulumi: PulumiCli) -> PulumiCli:
    """The same, with the stack made."""
    pulumi.run("stack", "init", quiet=True)
    return pulumi


def written(pulumi: PulumiCli) -> dict[str, object]:
    return yaml.safe_load((pulumi.root / "stacks" / "Pulumi.dev.yaml").read_text())["config"]


def test_a_paused_stack_is_paused_to_the_program(made: PulumiCli) -> None:
    made.set("paused", "true")
    chosen = settings.load("dev", "keelson", written(made))
    assert isinstance(chosen, settings.CloudSettings)
    assert chosen.paused is True


def test_a_resumed_stack_starts_from_its_snapshot(made: PulumiCli) -> None:
    made.set("paused", "true")
    made.set("database.restore-from", "keelson-dev-postgres-final-e3b0c442")
    made.set("paused", "false")
    chosen = settings.load("dev", "keelson", written(made))
    assert isinstance(chosen, settings.CloudSettings)
    assert (chosen.paused, chosen.database.restore_from) == (False, "keelson-dev-postgres-final-e3b0c442")


def test_a_stack_without_resources_has_none(made: PulumiCli) -> None:
    assert made.resources() == []


def test_a_stack_that_was_never_made_has_no_resources(pulumi: PulumiCli) -> None:
    assert pulumi.resources() == []


def test_a_state_that_cannot_be_read_is_told(pulumi: PulumiCli) -> None:
    (pulumi.root / "state").rmdir()
    (pulumi.root / "state").write_text("")
    with pytest.raises(PulumiError, match="stack export failed"):
        pulumi.resources()


def test_a_failed_command_says_what_pulumi_printed(pulumi: PulumiCli) -> None:
    with pytest.raises(PulumiError, match="no stack named 'dev' found"):
        pulumi.set("paused", "true")


def test_without_an_address_of_the_state_one_sentence_says_what_to_set() -> None:
    with pytest.raises(PulumiError, match=r"PULUMI_BACKEND_URL is not set: .*keelson-state-<account>-<region>/dev"):
        pulumi_cli.at_edge("dev", {})


def test_without_pulumi_one_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(PulumiError, match="Pulumi is not on PATH"):
        PulumiCli(stack="dev", environment={"PATH": str(tmp_path)}, root=tmp_path).resources()
