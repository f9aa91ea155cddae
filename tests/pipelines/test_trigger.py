"""One run for one cause."""

import threading
import time
from typing import Any

import pytest
from sqlalchemy import text

from components.database import open_engine
from components.pipeline_results import PIPELINES, counted, open_results
from components.platform import Platform
from pipelines.trigger import cause, run_once
from pipelines.versioning.definitions import pipeline_modules


def wait_for_another(platform: Platform) -> None:
    """Return once somebody waits for a lock in the platform's database."""
    waiting = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
        "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    )
    deadline = time.monotonic() + 120
    with open_engine(platform).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(waiting).scalar():
            assert time.monotonic() < deadline, "nobody waits for the run"
            time.sleep(0.02)


def test_who_asks_while_a_run_is_under_way_gets_its_result(platform: Platform) -> None:
    started, runs, answers = threading.Event(), [], []

    def slow() -> dict[str, Any]:
        runs.append(1)
        started.set()
        wait_for_another(platform)
        return {"run_id": "first"}

    first = threading.Thread(target=lambda: answers.append(run_once(platform, "training", "c", slow)))
    first.start()
    assert started.wait(120)
    joined = [run_once(platform, "training", "c", lambda: {"run_id": "another"})]
    first.join()
    assert answers == [{"run_id": "first", "joined": False}]
    assert joined == [{"run_id": "first", "joined": True}]
    assert len(runs) == 1


def test_a_later_request_runs_again(platform: Platform) -> None:
    answers = [run_once(platform, "training", "c", lambda number=number: {"run_id": number}) for number in (1, 2)]
    assert answers == [{"run_id": 1, "joined": False}, {"run_id": 2, "joined": False}]


def test_another_cause_does_not_wait(platform: Platform) -> None:
    inner: list[dict[str, Any]] = []

    def outer() -> dict[str, Any]:
        inner.append(run_once(platform, "training", "d", lambda: {"run_id": "d"}))
        return {"run_id": "c"}

    assert run_once(platform, "training", "c", outer) == {"run_id": "c", "joined": False}
    assert inner == [{"run_id": "d", "joined": False}]


def test_who_waited_for_a_run_that_died_runs_in_its_place(platform: Platform) -> None:
    # Neither an older result nor another cause's is taken for the one that did not come.
    run_once(platform, "training", "c", lambda: {"run_id": "older"})
    started, answers = threading.Event(), []

    def dies() -> dict[str, Any]:
        started.set()
        wait_for_another(platform)
        run_once(platform, "training", "d", lambda: {"run_id": "another cause"})
        raise KeyboardInterrupt

    def first() -> None:
        with pytest.raises(KeyboardInterrupt):
            run_once(platform, "training", "c", dies)

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(120)
    answers.append(run_once(platform, "training", "c", lambda: {"run_id": "second"}))
    thread.join()
    assert answers == [{"run_id": "second", "joined": False}]


def test_the_cause_follows_pipeline_version_and_arguments_but_not_their_order() -> None:
    one = cause("training", "1.0.0", {"a": 1, "b": 2})
    assert one == cause("training", "1.0.0", {"b": 2, "a": 1})
    others = [cause("scoring", "1.0.0", {"a": 1}), cause("training", "1.0.1", {"a": 1}), cause("training", "1.0.0", {})]
    assert len({one, *others}) == 4


def test_a_run_is_counted_once_under_its_pipeline(platform: Platform) -> None:
    run_once(platform, "features", "c", lambda: {"status": "failed"})
    with open_results(platform).connect() as connection:
        assert {what: count for what, count in counted(connection).items() if count} == {("features", "failed"): 1}


def test_the_pipelines_that_are_counted_are_those_that_there_are() -> None:
    assert set(PIPELINES) == {module.name for module in pipeline_modules()}
