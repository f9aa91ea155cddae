"""What orchestrates a run in a pod, as far as it can be tried outside of one."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.platform import Platform
from pipelines.jobs import orchestrate
from pipelines.jobs.orchestrate import once_resolved
from pipelines.jobs.surroundings import Surroundings
from pipelines.requests import MonitoringRequest, TrainingRequest


@pytest.fixture
def around(a_pod: Callable[..., dict[str, Any]], tmp_path: Path) -> Surroundings:
    return replace(Surroundings.of(a_pod()), folder=tmp_path)


def test_outside_of_a_pod_one_sentence_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["orchestrate", "training"])
    assert orchestrate.main() == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["status"] == "failed"
    assert "ask for a run by `python -m pipelines.submit`" in told["error"]


def test_a_run_that_begins_anew_has_the_source_that_it_began_with(around: Surroundings, platform: Platform) -> None:
    first = once_resolved(platform, TrainingRequest(data="synthetic", rows=5), around)
    assert first == TrainingRequest(data="synthetic", rows=5)
    # What was asked for in words may mean other trips by now.
    again = once_resolved(platform, TrainingRequest(data="served", rows=5), around)
    assert again == first
    other = once_resolved(platform, TrainingRequest(data="synthetic:congestion"), replace(around, key="another"))
    assert other == TrainingRequest(data="synthetic:congestion")
    assert once_resolved(platform, MonitoringRequest(), around) == MonitoringRequest()
