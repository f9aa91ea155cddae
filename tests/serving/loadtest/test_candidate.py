"""A bundle is loaded by itself before callers meet it; what came of it ends a release, holds it, or lets it go on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from serving.loadtest import candidate, report
from serving.loadtest.contestants import train
from serving.loadtest.report import Budgets

BUILD = """
import sys
from pathlib import Path
import bentoml
from serving.bundle import build_bundle
from serving.registry import RegisteredModel
print(bentoml.get(build_bundle(RegisteredModel(Path(sys.argv[1]), "5", "run", "3"))).path)
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("candidate")
    environment = {**os.environ, "BENTOML_HOME": str(folder / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    command = [sys.executable, "-c", BUILD, str(train(folder / "model"))]
    return Path(
        subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1]
    )


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate, "ATTEMPTS", 1)
    monkeypatch.setattr(candidate, "SECONDS", 2)
    # Whether this machine is so busy that the last requests are not sent, is not what is asked here.
    monkeypatch.setattr(report, "_MIN_SENT_SHARE", 0.0)


def allow(monkeypatch: pytest.MonkeyPatch, p99: float) -> None:
    monkeypatch.setattr(candidate, "Budgets", lambda: Budgets(p99_milliseconds=p99))


def test_a_bundle_within_its_budgets_lets_the_release_go_on(
    bundle: Path, feature_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, 1e6)
    found = candidate.load(bundle, Path("/nowhere"), feature_server.url, Console())
    assert found == {"met": True, "reasons": [], "told": True}


def test_a_bundle_over_its_budgets_is_told_from_a_machine_on_which_what_serves_does_no_better(
    bundle: Path, feature_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, 1e-6)
    found = candidate.load(bundle, bundle, feature_server.url, Console())
    assert (found["met"], found["told"]) == (False, False)
    assert "p99 is" in found["reasons"][0]
    assert "the bundle that serves does no better on this machine now: p99 is" in found["reasons"][1]

    judged = iter([["p99 is 30 ms"], []])
    monkeypatch.setattr(candidate, "judge", lambda *_: next(judged))
    found = candidate.load(bundle, bundle, feature_server.url, Console())
    assert found == {"met": False, "reasons": ["p99 is 30 ms"], "told": True}


def test_a_bundle_that_does_not_answer_ends_the_release(bundle: Path) -> None:
    found = candidate.load(bundle, bundle, "http://127.0.0.1:9", Console())
    assert (found["met"], found["told"]) == (False, True)
    assert "503" in found["reasons"][0]
