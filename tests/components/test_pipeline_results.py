"""Results of pipeline runs: kept, found again and counted, also by a version that finds an older table."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from components import pipeline_results
from components.database import open_engine
from components.pipeline_results import PIPELINES, STATUSES, add_result, newest_result, open_results
from components.platform import Platform

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def counted(platform: Platform) -> dict[tuple[str, str], int]:
    with open_results(platform).connect() as connection:
        return {what: count for what, count in pipeline_results.counted(connection).items() if count}


def newest_seconds(platform: Platform) -> dict[str, float]:
    with open_results(platform).connect() as connection:
        return pipeline_results.newest_seconds(connection)


def test_runs_are_counted_by_pipeline_and_status_from_zero_on(platform: Platform) -> None:
    engine = open_results(platform)
    with engine.connect() as connection:
        everything = pipeline_results.counted(connection)
    assert everything == {(pipeline, status): 0 for pipeline in PIPELINES for status in STATUSES}
    for pipeline, status, seconds in [
        ("training", "succeeded", 60.5),
        ("training", "failed", 3.25),
        ("training", "succeeded", 42.0),
        ("features", "succeeded", 9.0),
    ]:
        add_result(engine, pipeline=pipeline, cause="c", result={"status": status, "total_seconds": seconds})
    assert counted(platform) == {
        ("training", "succeeded"): 2,
        ("training", "failed"): 1,
        ("features", "succeeded"): 1,
    }
    assert newest_seconds(platform) == {"training": 42.0, "features": 9.0}


def test_the_newest_result_of_a_cause_is_found(platform: Platform) -> None:
    engine = open_results(platform)
    for cause, number in [("c", 1), ("c", 2), ("d", 3)]:
        add_result(engine, pipeline="training", cause=cause, result={"run_id": number})
    assert newest_result(engine, "c", LONG_AGO) == {"run_id": 2}
    assert newest_result(engine, "c", datetime.now(UTC) + timedelta(days=1)) is None
    assert newest_result(engine, "e", LONG_AGO) is None
    # A result without status is no run that could be counted.
    assert counted(platform) == {}


def test_a_table_of_an_older_version_is_brought_up_to_date_and_keeps_its_rows(platform: Platform) -> None:
    with open_engine(platform).begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE pipeline_results (cause VARCHAR(64) NOT NULL, "
                "ended TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, result JSON NOT NULL)"
            )
        )
        older = {"status": "succeeded", "total_seconds": 5.0}
        add = text("INSERT INTO pipeline_results (cause, result) VALUES ('c', CAST(:result AS JSON))")
        connection.execute(add, {"result": '{"status": "succeeded", "total_seconds": 5.0}'})
    engine = open_results(platform)
    assert newest_result(engine, "c", LONG_AGO) == older
    # Nobody knows of which pipeline it was.
    assert counted(platform) == {}
    add_result(engine, pipeline="scoring", cause="d", result={"status": "failed", "total_seconds": 1.0})
    assert counted(platform) == {("scoring", "failed"): 1}
    assert newest_seconds(platform) == {"scoring": 1.0}
