"""Promotion: one of several at once wins, the others are told why, and a death in the middle is found out."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from components import contract, promotion
from components.database import open_engine
from components.platform import Platform
from components.promotion import LOST, PROMOTED, REFUSED, Promotion, UnknownVersionError, history, promote
from components.tracking import Tracking

# One promotion, in a process that kills itself before the n-th of its durable writes.
DYING = """
import os, sys
from pydantic import SecretStr
from sqlalchemy import Engine, event
from components import contract
from components.platform import Platform
from components.promotion import promote
from components.tracking import Tracking

url, mlflow, model, version, left = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
contract.MODEL_NAME = model

def count():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)

@event.listens_for(Engine, "before_cursor_execute")
def before(connection, cursor, statement, *_):
    if statement.split()[0] in ("CREATE", "INSERT", "UPDATE", "DELETE"):
        count()

move = Tracking.set_alias
Tracking.set_alias = lambda *arguments: (count(), move(*arguments))
with Tracking(mlflow) as tracking:
    platform = Platform.model_construct(pipelines_database=SecretStr(url))
    promote(platform, tracking, version=version, expected=None, reason="a drill", by="a drill", run="the run")
"""
# What a death before each write leaves: whether the alias has moved, and how the attempt is told afterwards.
TABLE, INTENT, ALIAS, END, NONE = (False, []), (False, []), (False, [LOST]), (True, [PROMOTED]), (True, [PROMOTED])


@pytest.fixture
def registry(platform: Platform, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform with a registry in which the model has eight versions and no champion."""
    monkeypatch.setattr(contract, "MODEL_NAME", f"model-{platform.data_bucket}")
    with Tracking(mlflow_server) as tracking:
        run = tracking.create_run(tracking.experiment("promotion"), "made up", {})
        for _ in range(8):
            tracking.create_version(contract.MODEL_NAME, run, "model", {})
    return platform.model_copy(update={"mlflow_tracking_uri": mlflow_server})


def attempt(registry: Platform, version: int, expected: int | None, **more: Any) -> Promotion:
    with Tracking(registry.mlflow_tracking_uri) as tracking:
        asked = {"reason": "better", "by": "ann"} | more
        return promote(registry, tracking, version=version, expected=expected, **asked)


def champion(registry: Platform) -> int | None:
    with Tracking(registry.mlflow_tracking_uri) as tracking:
        found = tracking.version_by_alias(contract.MODEL_NAME, contract.CHAMPION)
    return found.version if found else None


def die(registry: Platform, write: int) -> int:
    """Promote version 5 in a process that dies; its exit status."""
    arguments = [registry.pipelines_database.get_secret_value(), registry.mlflow_tracking_uri, contract.MODEL_NAME]
    command = [sys.executable, "-c", DYING, *arguments, "5", str(write)]
    return subprocess.run(command, env=dict(os.environ), check=False).returncode


def all_at_once(calls: list[Callable[[], Promotion]]) -> list[Promotion]:
    done: list[Promotion] = []
    together = threading.Barrier(len(calls))

    def run(call: Callable[[], Promotion]) -> None:
        together.wait()
        done.append(call())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_of_eight_at_once_one_wins_and_seven_are_told_why(registry: Platform) -> None:
    done = all_at_once([lambda version=version: attempt(registry, version, None) for version in range(1, 9)])
    (won,) = [one for one in done if one.promoted]
    assert champion(registry) == won.version
    told = [one for one in done if one.outcome == REFUSED]
    assert len(told) == 7
    assert all(one.found == won.version for one in told)
    assert all(f"judged against no version, but now it is version {won.version}" in one.says for one in told)
    assert sorted(one.version for one in history(registry)) == list(range(1, 9))


def test_every_attempt_is_kept_with_who_what_and_why(registry: Platform) -> None:
    attempt(registry, 1, None, by="ann", run="first run")
    attempt(registry, 2, None, by="bob")
    second, first = history(registry)
    assert (first.by, first.run, first.version, first.expected, first.found) == ("ann", "first run", 1, None, None)
    assert (first.outcome, first.reason, first.model) == (PROMOTED, "better", contract.MODEL_NAME)
    assert (second.by, second.run, second.version, second.found, second.outcome) == ("bob", "", 2, 1, REFUSED)
    assert first.at < second.at


def test_the_champion_is_promoted_again_without_harm(registry: Platform) -> None:
    outcomes = [attempt(registry, 3, expected).outcome for expected in (None, None, 3)]
    assert outcomes == [PROMOTED] * 3


def test_a_champion_follows_on_the_one_that_was_expected(registry: Platform) -> None:
    assert attempt(registry, 1, None).promoted
    assert attempt(registry, 2, 1).promoted
    assert not attempt(registry, 3, 1).promoted
    assert champion(registry) == 2


def test_an_older_version_takes_the_place_back(registry: Platform) -> None:
    attempt(registry, 1, None, run="training")
    attempt(registry, 2, 1, run="next training")
    assert attempt(registry, 1, 2, reason="version 2 answers too slowly", run="rollback").promoted
    assert champion(registry) == 1


def test_a_champion_that_was_set_past_the_gate_is_told_to_those_who_did_not_expect_it(registry: Platform) -> None:
    attempt(registry, 1, None)
    with Tracking(registry.mlflow_tracking_uri) as tracking:
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, 7)
    refused = attempt(registry, 2, 1)
    assert refused.says == "version 2 is not champion: it was judged against version 1, but now it is version 7"


def test_a_run_that_asks_again_is_given_its_first_answer_and_takes_nothing_back(registry: Platform) -> None:
    first = attempt(registry, 1, None, run="slow run")
    attempt(registry, 2, 1, run="next run")
    assert attempt(registry, 1, None, run="slow run") == first
    assert champion(registry) == 2
    assert len(history(registry)) == 2


def test_a_version_that_the_registry_does_not_have_is_refused_and_not_noted(registry: Platform) -> None:
    with pytest.raises(UnknownVersionError, match=r"has no version 99; .* MLflow"):
        attempt(registry, 99, None)
    assert (champion(registry), history(registry)) == (None, [])


@pytest.mark.parametrize(
    ("write", "left"),
    [(1, TABLE), (2, INTENT), (3, ALIAS), (4, END), (5, NONE)],
    ids=["table", "intent", "alias", "end", "none"],
)
def test_a_death_at_any_write_is_found_out_by_the_next_attempt(
    registry: Platform, write: int, left: tuple[bool, list[str]]
) -> None:
    moved, outcomes = left
    assert die(registry, write) == (-9 if write < 5 else 0)
    assert (champion(registry) == 5) == moved
    assert attempt(registry, 6, 5 if moved else None).promoted
    assert champion(registry) == 6
    assert [one.outcome for one in history(registry) if one.version == 5] == outcomes


@pytest.mark.parametrize(("write", "outcomes"), [(3, [PROMOTED, LOST]), (4, [PROMOTED])], ids=["alias", "end"])
def test_a_step_that_died_is_repeated_and_promotes_once(registry: Platform, write: int, outcomes: list[str]) -> None:
    die(registry, write)
    assert attempt(registry, 5, None, run="the run").promoted
    assert [one.outcome for one in history(registry)] == outcomes
    assert champion(registry) == 5


def test_what_a_dead_process_asked_of_the_registry_is_awaited(
    registry: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt(registry, 1, None)
    with open_engine(registry).begin() as connection:
        connection.execute(text("UPDATE promotions SET outcome = 'intended', at = now()"))
    waited: list[float] = []
    monkeypatch.setattr(promotion.time, "sleep", waited.append)
    # Longer than it takes any machine to come to the wait.
    monkeypatch.setattr(promotion, "GRACE_SECONDS", 600.0)
    attempt(registry, 2, 1)
    attempt(registry, 3, 2)
    assert len(waited) == 1
    assert 0 < waited[0] <= 600


def test_without_its_lock_a_promotion_moves_nothing(registry: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Tracking.version_by_alias

    def lose_the_lock(tracking: Tracking, model: str, alias: str) -> Any:
        with open_engine(registry).connect() as connection:
            holder = (
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
            connection.execute(text(holder))
        return found(tracking, model, alias)

    monkeypatch.setattr(Tracking, "version_by_alias", lose_the_lock)
    with pytest.raises(Exception, match="terminating connection"):
        attempt(registry, 1, None)
    monkeypatch.setattr(Tracking, "version_by_alias", found)
    assert champion(registry) is None


def test_the_history_is_printed_as_json_and_as_a_table(
    registry: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt(registry, 1, None)
    monkeypatch.setattr(promotion, "Platform", lambda: registry)
    promotion.main(["history", "--json"])
    (printed,) = json.loads(capsys.readouterr().out)
    assert (printed["version"], printed["outcome"]) == (1, PROMOTED)
    promotion.main(["history"])
    assert "promoted" in capsys.readouterr().out


def test_a_registry_that_is_silent_changes_nothing(registry: Platform) -> None:
    silent = registry.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    with pytest.raises(Exception, match="is it running"):
        attempt(silent, 1, None)
    assert champion(registry) is None
    assert history(registry) == []
