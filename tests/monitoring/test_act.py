"""A retraining is carried out to its end, whatever happens on the way."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from components.database import alone
from components.platform import Platform
from monitoring import state
from monitoring.act import act
from monitoring.settings import MonitoringSettings
from monitoring.state import Retraining
from monitoring.state_tables import Result, Stage, open_state

SCHEMA = "monitor"
ACCEPTED = {"status": "succeeded", "run_id": "abc", "model_version": 8, "verdict": {"accepted": True, "reasons": []}}
RELEASED = {"outcome": "released", "champion": "8", "tried": "8", "reason": "canary 50 %: surely better"}
Commands = Callable[..., MonitoringSettings]


def retraining(shift: str = "model-7/1", stage: Stage = Stage.TRAINING) -> Retraining:
    return Retraining(
        shift=shift,
        reference_version="model-7",
        model_version="7",
        at=datetime(2026, 3, 11, tzinfo=UTC),
        source="served:2026-03-09T00:00:00..2026-03-11T05:00:00+champion",
        reason="Retrain, because the error is three times the expected one.",
        stage=stage,
        tried="8" if stage is Stage.RELEASING else None,
    )


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """Settings whose commands say something, after they have noted how they were called: of a tuple one each call."""

    def command(name: str, says: object) -> tuple[str, ...]:
        file = tmp_path / f"{name}.py"
        turns = says if isinstance(says, tuple) else (says,)
        texts = [one if isinstance(one, str) else f"progress\n{json.dumps(one)}" for one in turns]
        note = f"calls = open({str(tmp_path / name)!r}, 'a+')\ncalls.write(repr(sys.argv[1:]) + '\\n')\ncalls.seek(0)"
        file.write_text(f"import sys\n{note}\nprint({texts!r}[min(len(calls.readlines()), {len(texts)}) - 1])\n")
        return (sys.executable, str(file))

    def made(*, train: object = ACCEPTED, release: object = RELEASED) -> MonitoringSettings:
        return MonitoringSettings(
            journals=tmp_path / "journals",
            train_command=command("train", train),
            release_command=() if release is None else command("release", release),
        )

    return made


def calls(folder: Path, name: str) -> list[str]:
    file = folder / name
    return file.read_text().splitlines() if file.exists() else []


def begin(platform: Platform, retraining: Retraining) -> None:
    assert state.begin_retraining(open_state(platform, SCHEMA), retraining)


def test_a_model_that_passes_its_gates_is_released(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    begin(platform, retraining())
    ended = act(platform, commands())
    assert ended is not None
    assert (ended.stage, ended.result, ended.tried, ended.run_id) == (Stage.ENDED, Result.RELEASED, "8", "abc")
    assert ended.said == RELEASED["reason"]
    [call] = calls(tmp_path, "train")
    begun = retraining()
    assert call == repr(["--param", f"source={begun.source}", "--reason", begun.reason])
    assert len(calls(tmp_path, "release")) == 1
    assert act(platform, commands()) is None


@pytest.mark.parametrize(
    ("answers", "result", "said"),
    [
        (
            {"train": {**ACCEPTED, "model_version": None, "verdict": {"accepted": False, "reasons": ["it is worse"]}}},
            Result.REFUSED,
            "it is worse",
        ),
        ({"train": {"status": "failed", "run_id": None, "error": "no trips"}}, Result.FAILED, "no trips"),
        ({"train": "Traceback"}, Result.FAILED, "ended with 0: Traceback"),
        ({"train": "[]"}, Result.FAILED, "ended with 0"),
        ({"release": {**RELEASED, "outcome": "rolled back", "reason": "worse"}}, Result.ROLLED_BACK, "worse"),
        ({"release": {**RELEASED, "outcome": "held", "reason": "few labels"}}, Result.HELD, "few labels"),
        ({"release": {"outcome": "nothing to do", "champion": "7"}}, Result.FAILED, "version 8 was not released"),
        ({"release": {**RELEASED, "tried": "9"}}, Result.FAILED, "version 8 was not released"),
        ({"release": ""}, Result.FAILED, "ended with 0"),
        ({"release": None}, Result.HELD, "no release command is set"),
    ],
)
def test_whatever_comes_of_it_ends_it(
    platform: Platform, commands: Commands, answers: dict[str, object], result: Result, said: str
) -> None:
    begin(platform, retraining())
    ended = act(platform, commands(**answers))
    assert ended is not None
    assert (ended.stage, ended.result) == (Stage.ENDED, result)
    assert said in (ended.said or "")


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait, which takes no time."""
    seconds: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", seconds.append)
    return seconds


HELD_AT_LOAD_TEST = {
    **RELEASED,
    "outcome": "held",
    "stage": "load test",
    "reason": "load test: p99 of 90 ms, as before",
}


def test_a_release_that_a_busy_machine_held_is_tried_again(
    platform: Platform, commands: Commands, waited: list[float]
) -> None:
    begin(platform, retraining(stage=Stage.RELEASING))
    ended = act(platform, commands(release=(HELD_AT_LOAD_TEST, HELD_AT_LOAD_TEST, RELEASED)))
    assert ended is not None
    assert (ended.result, ended.said) == (Result.RELEASED, RELEASED["reason"])
    assert waited == [60, 120]


def test_a_machine_that_stays_busy_holds_the_release(
    platform: Platform, commands: Commands, waited: list[float], tmp_path: Path
) -> None:
    begin(platform, retraining(stage=Stage.RELEASING))
    ended = act(platform, commands(release=HELD_AT_LOAD_TEST))
    assert ended is not None
    assert (ended.result, ended.said) == (Result.HELD, HELD_AT_LOAD_TEST["reason"])
    assert len(calls(tmp_path, "release")) == 6
    assert sum(waited) == 31 * 60


def test_a_release_that_callers_could_not_decide_is_not_tried_again(
    platform: Platform, commands: Commands, waited: list[float]
) -> None:
    begin(platform, retraining(stage=Stage.RELEASING))
    ended = act(platform, commands(release={**RELEASED, "outcome": "held", "stage": "canary 50 %"}))
    assert ended is not None
    assert ended.result is Result.HELD
    assert waited == []


def test_who_comes_back_goes_on_with_the_release(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    begin(platform, retraining(stage=Stage.RELEASING))
    ended = act(platform, commands())
    assert ended is not None
    assert ended.result is Result.RELEASED
    assert calls(tmp_path, "train") == []


def test_of_two_at_once_one_does_nothing(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    begin(platform, retraining())
    with alone(open_state(platform, SCHEMA), "monitor retraining"):
        assert act(platform, commands()) is None
    assert calls(tmp_path, "train") == []


def test_a_shift_has_one_retraining(platform: Platform) -> None:
    engine = open_state(platform, SCHEMA)
    assert state.begin_retraining(engine, retraining())
    assert not state.begin_retraining(engine, retraining())
    assert state.begin_retraining(engine, retraining("model-7/2"))
    assert [one.shift for one in state.retrainings(engine)] == ["model-7/1", "model-7/2"]


def test_another_schema_is_another_monitor(platform: Platform) -> None:
    begin(platform, retraining())
    assert state.retrainings(open_state(platform, "demo")) == []
