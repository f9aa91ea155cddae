"""Compare, register and reject against a real MLflow server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components import contract
from components.compare.step import compare
from components.evaluate.step import evaluate
from components.model import load_model
from components.platform import Platform
from components.recording import MODEL_SHA256, PREVIOUS_MODEL, VERDICT_REASON, Candidate, champion, download_model
from components.register.step import PROMOTION, register
from components.reject.step import reject
from components.tracking import Tracking, TrackingError
from components.train.step import train

CandidateMaker = Callable[..., Candidate]


def a_part(rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    columns = {name: random.uniform(0, 10, rows) for name in contract.MODEL_FEATURES}
    return pl.DataFrame(columns).with_columns((pl.col(contract.DISTANCE) * 200 + 60).alias(contract.TARGET))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    for seed, name in enumerate(("train", "validation", "test")):
        a_part(1000, seed).write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture
def tracking(tracked_platform: Platform) -> Iterator[Tracking]:
    with Tracking(tracked_platform.mlflow_tracking_uri) as connection:
        yield connection


@pytest.fixture
def a_candidate(parts: Path, tmp_path: Path, tracked_platform: Platform) -> CandidateMaker:
    """Makes a trained, measured and judged candidate for a key."""

    def make(run: str, *, seed: int = 1, noise: float = 0.0) -> Candidate:
        folder = tmp_path / run
        folder.mkdir()
        spoilt = pl.read_parquet(parts / "train.parquet").with_columns(
            pl.col(contract.TARGET) * pl.Series(np.exp(np.random.default_rng(seed).normal(0, noise, 1000)))
        )
        spoilt.write_parquet(folder / "train.parquet")
        train(folder / "train.parquet", parts / "validation.parquet", folder / "model", seed=seed)
        test_set = parts / "test.parquet"
        evaluate(folder / "model", folder / "train.parquet", test_set, folder / "metrics")
        compare(tracked_platform, folder / "model", test_set, folder / "metrics", folder / "verdict")
        (folder / "compatibility").write_text("{}")
        given = {name: folder / name for name in ("model", "metrics", "verdict", "compatibility")}
        return Candidate(run=run, source="synthetic", rows=1000, seed=seed, data_version=3, commit="abc", **given)

    return make


def test_the_first_good_candidate_becomes_champion_and_can_be_loaded_from_the_registry(
    a_candidate: CandidateMaker, tracked_platform: Platform, tracking: Tracking, tmp_path: Path
) -> None:
    candidate = a_candidate("first")
    registered = register(tracked_platform, candidate, close=True)
    current = champion(tracking)
    assert current is not None
    assert (current.version, current.run_id) == (registered.version, registered.run_id)
    assert registered.promoted
    fetched = load_model(download_model(tracking, current, tmp_path / "fetched"))
    assert fetched.sha256 == load_model(candidate.model).sha256 == current.tags[MODEL_SHA256]
    assert current.tags["keelson.data_version"] == "3"
    assert "baseline" in current.tags[VERDICT_REASON]


def test_registering_a_run_again_gives_the_same_version_and_one_mlflow_run(
    a_candidate: CandidateMaker, tracked_platform: Platform
) -> None:
    candidate = a_candidate("again")
    first, second = (register(tracked_platform, candidate, close=True) for _ in range(2))
    assert first == second


def test_a_good_successor_names_its_predecessor_and_takes_both_aliases(
    a_candidate: CandidateMaker, tracked_platform: Platform, tracking: Tracking
) -> None:
    before = register(tracked_platform, a_candidate("before"), close=True)
    after = register(tracked_platform, a_candidate("after"), close=True)
    current = champion(tracking)
    assert current is not None
    assert (current.version, after.version) == (before.version + 1, before.version + 1)
    assert current.tags[PREVIOUS_MODEL] == f"models:/{contract.MODEL_NAME}/{before.version}"
    challenger = tracking.version_by_alias(contract.MODEL_NAME, contract.CHALLENGER)
    assert challenger is not None
    assert challenger.version == after.version


def test_a_worse_candidate_is_rejected_with_the_reason_and_makes_no_version(
    a_candidate: CandidateMaker, tracked_platform: Platform, tracking: Tracking
) -> None:
    good = register(tracked_platform, a_candidate("good"), close=True)
    worse = a_candidate("worse", noise=1.0)
    verdict = json.loads(worse.verdict.read_text())
    assert verdict["accepted"] is False
    assert verdict["champion"]["version"] == good.version
    assert f"{verdict['champion']['test']['mae']:.2f}" in verdict["reasons"][1]
    reject(tracked_platform, worse, close=True)
    run = tracking.find_run(tracking.experiment(contract.EXPERIMENT), "keelson.pipeline_run", "worse")
    assert run is not None
    assert tracking.versions_of_run(contract.MODEL_NAME, run) == []
    current = champion(tracking)
    assert current is not None
    assert current.version == good.version


def test_a_verdict_against_a_champion_of_yesterday_promotes_nobody(
    a_candidate: CandidateMaker, tracked_platform: Platform, tracking: Tracking
) -> None:
    register(tracked_platform, a_candidate("yesterday"), close=True)
    slow, quick = a_candidate("slow"), a_candidate("quick")
    winner = register(tracked_platform, quick, close=True)
    late = register(tracked_platform, slow, close=True)
    assert winner.promoted
    assert not late.promoted
    current = champion(tracking)
    assert current is not None
    assert current.version == winner.version
    versions = tracking.versions_of_run(contract.MODEL_NAME, run_of(tracking, "slow"))
    assert versions[0].tags[PROMOTION].startswith("not promoted")


def run_of(tracking: Tracking, key: str):
    run = tracking.find_run(tracking.experiment(contract.EXPERIMENT), "keelson.pipeline_run", key)
    assert run is not None
    return run


def test_a_champion_for_another_contract_is_no_rival_and_the_verdict_says_so(
    a_candidate: CandidateMaker, tracked_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tracked_platform, a_candidate("old"), close=True)
    monkeypatch.setattr(contract, "MIN_DURATION_SECONDS", 2.0)
    verdict = json.loads(a_candidate("new").verdict.read_text())
    assert verdict["accepted"] is True
    assert verdict["champion"]["test"] is None
    assert "another contract" in verdict["reasons"][-1]


def test_a_silent_server_is_named_in_the_error(tracked_platform: Platform, tmp_path: Path) -> None:
    nowhere = tracked_platform.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    (tmp_path / "metrics").write_text('{"test": {"mae": 1}, "baseline": {"mae": 2}}')
    with pytest.raises(TrackingError, match=r"127\.0\.0\.1:9.*is it running"):
        compare(nowhere, tmp_path, tmp_path, tmp_path / "metrics", tmp_path / "verdict")
