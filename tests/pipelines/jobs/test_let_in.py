"""A step's command begins once the network lets its pod in, as far as it can be tried outside of one."""

import os
import subprocess
import sys

import pytest
from pydantic import SecretStr

from components.database import open_engine
from components.platform import Platform
from pipelines.jobs import let_in

NOWHERE = "postgresql+psycopg://one@127.0.0.1:1/one"
TOLD = ["sh", "-c", 'echo "as $$ with $1"', "sh", "an argument"]


def begun(database: str, *how: str) -> subprocess.Popen[str]:
    env = {
        **os.environ,
        "AWS_DEFAULT_REGION": "local",
        "KEELSON_DATA_BUCKET": "none",
        "KEELSON_PIPELINES_DATABASE": database,
    }
    return subprocess.Popen(
        [sys.executable, *how, *TOLD], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_network_that_does_not_know_the_pod_yet_is_waited_for(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = platform.model_copy(update={"pipelines_database": SecretStr(NOWHERE)})
    tried = iter([nowhere, nowhere, platform])
    monkeypatch.setattr(let_in, "open_engine", lambda _: open_engine(next(tried)))
    let_in.wait_until_let_in(platform)
    assert list(tried) == []


def test_the_command_takes_the_place_of_the_process(platform: Platform) -> None:
    running = begun(platform.pipelines_database.get_secret_value(), "-m", "pipelines.jobs.let_in")
    said, complained = running.communicate(timeout=60)
    assert (said, complained) == (f"as {running.pid} with an argument\n", "")
    assert running.returncode == 0


def test_a_step_that_is_not_let_in_says_so_and_is_not_begun(platform: Platform) -> None:
    hurried = (
        "from pipelines.jobs import let_in; import tenacity; "
        "let_in.wait_until_let_in.retry.stop = tenacity.stop_after_attempt(1); let_in.main()"
    )
    running = begun(NOWHERE, "-c", hurried)
    said, complained = running.communicate(timeout=60)
    assert (running.returncode, said) == (1, "")
    assert "the step was not begun" in complained
    assert "127.0.0.1" in complained
