"""The closed loop on a whole stack, as `make demo-calm` and `make demo-drift` tell it, on a faster clock."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.loop


def day(window: dict[str, Any]) -> date:
    return datetime.fromisoformat(window["start"]).date()


def story(stack: Any, world: str, *words: str) -> dict[str, Any]:
    return json.loads(stack.make(f"demo-{world}", *words).stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def calm(busy_stack: Any) -> dict[str, Any]:
    return story(busy_stack, "calm", "DAYS=14")


@pytest.fixture(scope="module")
def drift(busy_stack: Any, calm: dict[str, Any]) -> dict[str, Any]:
    """After the calm one: of what was shown on a stack before, nothing may be left."""
    assert calm["faults"] == []
    return story(busy_stack, "drift")


def test_where_nothing_changes_nothing_is_done(calm: dict[str, Any]) -> None:
    assert calm["retrainings"] == []
    measured = [window for window in calm["windows"] if window["rows"] >= 1000]
    assert len(measured) >= 10
    assert {window["action"] for window in calm["windows"]} == {"nothing"}
    assert all(window["mae"] is not None for window in measured)
    assert calm["callers"]["failed"] == 0


def test_a_shift_is_seen_learned_released_and_mended_without_any_command(drift: dict[str, Any]) -> None:
    assert drift["faults"] == []
    [retraining] = drift["retrainings"]
    assert (retraining["result"], retraining["shift"]) == ("released", "model-1/1")
    assert retraining["reason"].startswith("Retrain, because the mean absolute error")
    actions = [window["action"] for window in drift["windows"]]
    assert actions.count("retrain") == 1
    assert set(drift["callers"]["answered"]) == {"1", retraining["tried"]}
    assert drift["callers"]["failed"] == 0


def test_the_error_is_lower_than_that_of_the_model_before_in_the_changed_city(drift: dict[str, Any]) -> None:
    """Days of a week differ, so each day's error is held against that of its weekday in the calm week."""
    windows = [window for window in drift["windows"] if window["rows"] >= 1000]
    (seen,) = [day(window) for window in windows if window["action"] == "retrain"]
    # It is seen in the second window after the change.
    calm = {day(window).weekday(): window["mae"] for window in windows if day(window) < seen - timedelta(days=1)}

    def times_the_calm_error(version: str) -> float:
        shown = [window for window in windows if window["version"] == version and day(window) >= seen]
        assert shown
        return sum(window["mae"] for window in shown) / sum(calm[day(window).weekday()] for window in shown)

    [retraining] = drift["retrainings"]
    assert times_the_calm_error(retraining["tried"]) < times_the_calm_error("1")


def test_the_run_says_why_and_the_stack_serves_what_came_of_it(busy_stack: Any, drift: dict[str, Any]) -> None:
    [retraining] = drift["retrainings"]
    assert busy_stack.predict().json()["model_version"] == retraining["tried"]
    assert str(busy_stack.status()["champion"]["version"]) == retraining["tried"]
    told = busy_stack.make("lineage", f"OF=run:{retraining['run_id']}", "JSON=1").stdout
    assert "served:" in told
    busy_stack.by_hand("pulumi preview --stack local --expect-no-changes")


def test_the_monitor_lives_by_its_own_clock_again(busy_stack: Any, drift: dict[str, Any]) -> None:
    program = (busy_stack.path / ".local" / "supervisor" / "programs" / "monitor.conf").read_text()
    assert "KEELSON_MONITOR_CLOCK" not in program
    assert 'KEELSON_MONITOR_SCHEMA="monitor"' in program
    refused = busy_stack.make("demo-drift", check=False)
    assert refused.returncode != 0
    assert "go back to a version that learned from these" in refused.stderr
