"""A job finds its account and state where the bootstrap page had them put."""

import subprocess
import sys
from pathlib import Path

from infra import settings
from infra.operations.stack import Stack
from infra.repository.variables import by_environment, variables

ROOT = Path(__file__).parents[3]
KEY = "awskms://alias/keelson-state?region=us-east-1&awssdk=v2&context_stack=dev"


def a_stack(**config: str) -> Stack:
    chosen = settings.load("dev", "keelson", {f"keelson:{key.replace('_', '-')}": one for key, one in config.items()})
    assert isinstance(chosen, settings.CloudSettings)
    return Stack(settings=chosen)


def test_account_region_and_state_are_those_of_the_stacks_file() -> None:
    found = variables(a_stack(account_id="123456789012", region="eu-west-1"), KEY)
    assert found == {
        "AWS_ACCOUNT_ID": "123456789012",
        "AWS_REGION": "eu-west-1",
        "PULUMI_BACKEND_URL": "s3://keelson-state-123456789012-us-east-1/dev?region=us-east-1&awssdk=v2",
    }
    page = (ROOT / "docs" / "bootstrap.md").read_text()
    assert f"pulumi login '{found['PULUMI_BACKEND_URL']}'" in page
    assert KEY in page


def test_a_stack_that_was_not_prepared_has_none() -> None:
    assert variables(a_stack(account_id="123456789012"), "") == {}
    assert variables(a_stack(account_id="123456789012"), "passphrase") == {}
    assert variables(a_stack(), KEY) == {}


def test_jobs_that_train_find_the_account_and_no_state() -> None:
    found = variables(a_stack(account_id="123456789012", region="eu-west-1"), KEY)
    assert by_environment({"dev": found, "prod": {}}) == {
        "dev": found,
        "dev-train": {"AWS_ACCOUNT_ID": "123456789012", "AWS_REGION": "eu-west-1"},
        "prod": {},
        "prod-train": {},
    }


def test_the_command_prints_what_a_step_hands_on() -> None:
    def command(stack: str) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "infra.repository.variables", "--stack", stack]
        return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)

    done = command("dev")
    assert done.returncode == 0, done.stderr
    assert all(line.partition("=")[0].isupper() for line in done.stdout.splitlines())
    assert command("local").returncode == 1
    assert "make up" in command("local").stderr
