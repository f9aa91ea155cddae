"""The benchmark of the whole pipeline tells what it promises."""

import pytest

from pipelines.bench import measure, show


@pytest.mark.usefixtures("named")
def test_every_step_and_the_pipelines_time_and_memory_are_told() -> None:
    told = measure(4000, seed=3)
    assert told["cached"] == []
    assert {"ingest", "tune.xgboost", "register"} <= told["seconds"].keys(), told["verdict"]
    assert told["wall_seconds"] >= sum(told["seconds"].values())
    # A few processes of Python with their libraries, not one, and no gigabytes.
    assert 10 < told["processor_seconds"] < 600
    assert 100e6 < told["peak_bytes"] < 4e9
    assert show(4000, told).row_count == len(told["seconds"]) + 3
