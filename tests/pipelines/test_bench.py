"""The benchmark of the whole pipeline tells what it promises."""

import pytest
from pydantic import SecretStr

from components.platform import Platform
from pipelines.bench import measure, show


def test_every_step_and_the_pipelines_time_and_memory_are_told(
    live: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, field in Platform.model_fields.items():
        value = getattr(live, name)
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            monkeypatch.setenv(str(field.validation_alias), text)
    told = measure(4000, seed=3)
    assert told["cached"] == []
    assert {"ingest", "tune.xgboost", "register"} <= told["seconds"].keys(), told["verdict"]
    assert told["wall_seconds"] >= sum(told["seconds"].values())
    # A few processes of Python with their libraries, not one, and no gigabytes.
    assert 10 < told["processor_seconds"] < 600
    assert 100e6 < told["peak_bytes"] < 4e9
    assert show(4000, told).row_count == len(told["seconds"]) + 3
