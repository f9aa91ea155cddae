"""What the monitor is told by its surroundings."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from infra import outputs
from monitoring.clock import Clock
from monitoring.policy import Policy
from monitoring.quality import LABELS_DUE
from monitoring.settings import MonitoringSettings


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch):
    """Reads the settings of an environment."""

    def read(**variables: str) -> MonitoringSettings:
        monkeypatch.setenv("KEELSON_PREDICTION_LOG", "/journals")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return MonitoringSettings()  # pyright: ignore[reportCallIssue]

    return read


def test_what_is_left_out_has_a_value(told) -> None:
    settings = told()
    assert settings.journals == Path("/journals")
    assert (settings.window, settings.delay) == (timedelta(days=1), LABELS_DUE)
    assert settings.clock == Clock()
    assert settings.policy == Policy()
    # Those who answer callers go first.
    submit = (sys.executable, "-m", "pipelines.submit", "training", "--wait")
    assert settings.train_command == ("nice", "-n", "10", *submit)
    assert settings.release_command == ()
    assert settings.stack_cost_dollars_month == 0


def test_commands_are_words_as_a_shell_has_them(told) -> None:
    settings = told(KEELSON_RELEASE_COMMAND="python -m release 'two words'", KEELSON_TRAIN_COMMAND="train")
    assert settings.release_command == ("python", "-m", "release", "two words")
    assert settings.train_command == ("train",)
    assert told(KEELSON_RELEASE_COMMAND="").release_command == ()


def test_a_clock_is_its_beginning_and_its_speed(told) -> None:
    settings = told(
        KEELSON_MONITOR_CLOCK_AT="2026-11-28T07:00:00Z",
        KEELSON_MONITOR_CLOCK_SHOWS="2026-03-01T00:00:00+00:00",
        KEELSON_MONITOR_CLOCK_SPEED="720",
    )
    at, shows = datetime(2026, 11, 28, 7, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    assert settings.clock == Clock(at, shows, 720)


def test_a_value_of_the_policy_is_a_variable_of_its_own(told) -> None:
    settings = told(KEELSON_MONITOR_POLICY__RUN_COST="7.5", KEELSON_MONITOR_POLICY__COOLDOWN="PT6H")
    assert settings.policy == Policy(run_cost=7.5, cooldown=timedelta(hours=6))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEELSON_MONITOR_WINDOW_SECONDS", "60"),
        ("KEELSON_MONITOR_DELAY_SECONDS", "-1"),
        ("KEELSON_MONITOR_INTERVAL_SECONDS", "0"),
        ("KEELSON_MONITOR_COLLECT_SECONDS", "-1"),
        ("KEELSON_MONITOR_CLOCK_SPEED", "0.5"),
        ("KEELSON_MONITOR_CLOCK_AT", "2026-11-28T07:00:00"),
        ("KEELSON_MONITOR_SCHEMA", "no; such"),
        ("KEELSON_TRAIN_COMMAND", ""),
        ("KEELSON_MONITOR_POLICY__RETRAINS_PER_WEEK", "-1"),
        ("KEELSON_STACK_COST", "-3"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(told, name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        told(**{name: value})
    assert value in str(refused.value) or name in str(refused.value)


def test_where_journals_are_collected_elsewhere_there_is_no_folder_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEELSON_PREDICTION_LOG", raising=False)
    assert MonitoringSettings().journals is None  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("module", ["monitoring.collect", "monitoring.forget"])
def test_what_works_on_journals_asks_for_their_folder(module: str) -> None:
    here = {name: value for name, value in os.environ.items() if not name.startswith("KEELSON_PREDICTION")}
    named = {output.env: "1" for output in outputs.OUTPUTS}
    arguments = ["a-request"] if module.endswith("forget") else []
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env={**here, **named}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "set KEELSON_PREDICTION_LOG to the one that the service writes to" in done.stderr
