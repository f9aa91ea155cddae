"""Compare, register and reject against a real MLflow server."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

from components import contract
from components.compare.step import compare
from components.evaluate.step import evaluate
from components.explain.step import explain
from components.model import ModelIntegrityError, file_hash, load_model
from components.platform import Platform
from components.promotion import history
from components.recording import (
    FORCE_REASON,
    MANIFEST_SHA256,
    MODEL_SHA256,
    PREVIOUS_MODEL,
    REPORT_SHA256,
    VERDICT,
    VERDICT_REASON,
    Candidate,
    Submission,
    champion,
    download_model,
    open_run,
)
from components.register.step import PROMOTION, register
from components.reject.step import reject
from components.tracking import ModelVersion, Run, Tracking, TrackingError
from components.train.step import train
from pipelines.driver import provenance

CandidateMaker = Callable[..., Candidate]


def a_part(rows: int, seed: int) -> pl.DataFrame:
    """Trips over two days whose duration follows from the distance."""
    random = np.random.default_rng(seed)
    columns = {name: random.uniform(0, 10, rows) for name in contract.MODEL_FEATURES}
    start = pl.Series([datetime(2026, 1, 5) + timedelta(minutes=i * 2880 / rows) for i in range(rows)])
    return pl.DataFrame(columns).with_columns(
        (pl.col(contract.DISTANCE) * 200 + 60).alias(contract.TARGET),
        start.alias(contract.PICKUP_TIME),
        pl.Series(random.choice([1, 132, 230], rows)).alias(contract.PICKUP_ZONE),
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    for seed, name in enumerate(("train", "validation", "test")):
        a_part(1000, seed).write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture
def live(platform: Platform, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform with a registry that knows no model yet."""
    monkeypatch.setattr(contract, "MODEL_NAME", f"model-{platform.data_bucket}")
    monkeypatch.setattr(contract, "EXPERIMENT", f"experiment-{platform.data_bucket}")
    return platform.model_copy(update={"mlflow_tracking_uri": mlflow_server})


@pytest.fixture
def tracking(live: Platform) -> Iterator[Tracking]:
    with Tracking(live.mlflow_tracking_uri) as connection:
        yield connection


@pytest.fixture(scope="module")
def a_measured_model(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, float], Path]:
    """Makes a folder with a trained model and all that is known of it before the gate."""

    @cache
    def make(seed: int, noise: float) -> Path:
        at = tmp_path_factory.mktemp("measured")
        spoilt = pl.read_parquet(parts / "train.parquet").with_columns(
            pl.col(contract.TARGET) * pl.Series(np.exp(np.random.default_rng(seed).normal(0, noise, 1000)))
        )
        spoilt.write_parquet(at / "train.parquet")
        (at / "parameters").write_text(json.dumps({"family": "lightgbm", "parameters": {}}))
        files = at / "train.parquet", parts / "validation.parquet", at / "parameters", at / "model"
        train(*files, family="lightgbm", seed=seed, device="cpu")
        cost = {"median_milliseconds": 0.5, "megabytes": 1.0, "resident_megabytes": 300.0}
        (at / "compatibility").write_text(json.dumps(cost))
        test_set = parts / "test.parquet"
        evaluate(at / "model", at / "train.parquet", test_set, at / "metrics", at / "metrics_page")
        explain(at / "model", test_set, at / "importances", at / "importances_page")
        for name in ("skew", "selection"):
            (at / name).write_text("{}")
        return at

    return make


@pytest.fixture
def a_candidate(
    parts: Path, tmp_path: Path, live: Platform, a_measured_model: Callable[[int, float], Path]
) -> CandidateMaker:
    """Makes a trained, measured and judged candidate for a key."""

    def make(run: str, *, seed: int = 1, noise: float = 0.0, force_reason: str = "") -> Candidate:
        at = tmp_path / run
        shutil.copytree(a_measured_model(seed, noise), at)
        judged = (at / name for name in ("compatibility", "verdict", "verdict_page"))
        compare(live, at / "model", parts / "test.parquet", at / "metrics", *judged, force_reason=force_reason)
        names = ("model", "metrics", "verdict", "compatibility", "importances", "skew", "selection")
        pages = ("metrics_page", "verdict_page", "importances_page")
        given = {name: at / name for name in (*names, *pages)}
        return Candidate(run=run, source="synthetic", rows=1000, seed=seed, data_version=3, commit="abc", **given)

    return make


def test_the_first_good_candidate_becomes_champion_and_can_be_loaded_from_the_registry(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking, tmp_path: Path
) -> None:
    candidate = a_candidate("first")
    registered = register(live, candidate, close=True)
    current = champion(tracking)
    assert current is not None
    assert (current.version, current.run_id) == (registered.version, registered.run_id)
    assert registered.promoted
    fetched = load_model(download_model(tracking, current, tmp_path / "fetched"))
    assert fetched.sha256 == load_model(candidate.model).sha256 == current.tags[MODEL_SHA256]
    assert current.tags["keelson.data_version"] == "3"
    assert "baseline" in current.tags[VERDICT_REASON]


def test_registering_a_run_again_gives_the_same_version_and_one_mlflow_run(
    a_candidate: CandidateMaker, live: Platform
) -> None:
    candidate = a_candidate("again")
    first, second = (register(live, candidate, close=True) for _ in range(2))
    assert first == second


def test_a_good_successor_names_its_predecessor_and_takes_both_aliases(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking
) -> None:
    before = register(live, a_candidate("before"), close=True)
    after = register(live, a_candidate("after", seed=2), close=True)
    current = champion(tracking)
    assert current is not None
    assert (current.version, after.version) == (before.version + 1, before.version + 1)
    assert current.tags[PREVIOUS_MODEL] == f"models:/{contract.MODEL_NAME}/{before.version}"
    challenger = tracking.version_by_alias(contract.MODEL_NAME, contract.CHALLENGER)
    assert challenger is not None
    assert challenger.version == after.version


def test_a_step_that_is_repeated_late_takes_no_alias_back(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking
) -> None:
    late = a_candidate("late")
    first = register(live, late, close=True)
    newer = register(live, a_candidate("newer", seed=2), close=True)
    assert register(live, late, close=True) == first
    aliases = [
        tracking.version_by_alias(contract.MODEL_NAME, name) for name in (contract.CHAMPION, contract.CHALLENGER)
    ]
    assert [version.version for version in aliases if version] == [newer.version] * 2


def test_a_run_without_a_driver_says_what_it_is_a_run_of_and_with_which_arguments(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking
) -> None:
    said = provenance("training", "1.2.3", {"train": "1.0.0"}, image="keelson@sha256:1", lock_sha256="", by="a test")
    submission = Submission({"source": "synthetic", "rows": 1000, "families": ["linear"], "trials": 4}, said)
    registered = register(live, replace(a_candidate("submitted"), submission=submission), close=True)
    query = {"run_id": registered.run_id}
    answer = httpx.get(f"{live.mlflow_tracking_uri}/api/2.0/mlflow/runs/get", params=query, timeout=60)
    run = answer.json()["run"]["data"]
    parameters, tags = ({item["key"]: item["value"] for item in run[part]} for part in ("params", "tags"))
    assert (parameters["families"], parameters["trials"], parameters["seed"]) == ("['linear']", "4", "1")
    assert said.items() <= tags.items()
    assert tags["keelson.data_version"] == "3"


def test_a_worse_candidate_is_rejected_with_the_reason_and_makes_no_version(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking
) -> None:
    good = register(live, a_candidate("good"), close=True)
    worse = a_candidate("worse", noise=1.0)
    verdict = json.loads(worse.verdict.read_text())
    assert verdict["accepted"] is False
    assert verdict["champion"]["version"] == good.version
    assert verdict["champion"]["test"]["mae"] < verdict["candidate"]["test"]["mae"]
    assert any(reason.startswith("no worse overall") for reason in verdict["reasons"])
    reject(live, worse, close=True)
    run = tracking.find_run(tracking.experiment(contract.EXPERIMENT), "keelson.pipeline_run", "worse")
    assert run is not None
    assert tracking.versions_of_run(contract.MODEL_NAME, run) == []
    current = champion(tracking)
    assert current is not None
    assert current.version == good.version


def test_a_verdict_against_a_champion_of_yesterday_promotes_nobody(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking
) -> None:
    register(live, a_candidate("yesterday"), close=True)
    slow, quick = a_candidate("slow", seed=2), a_candidate("quick", seed=3)
    winner = register(live, quick, close=True)
    late = register(live, slow, close=True)
    assert winner.promoted
    assert not late.promoted
    current = champion(tracking)
    assert current is not None
    assert current.version == winner.version
    versions = tracking.versions_of_run(contract.MODEL_NAME, run_of(tracking, "slow"))
    assert versions[0].tags[PROMOTION].endswith(f"but now it is version {winner.version}")


def run_of(tracking: Tracking, key: str):
    run = tracking.find_run(tracking.experiment(contract.EXPERIMENT), "keelson.pipeline_run", key)
    assert run is not None
    return run


def test_a_champion_for_another_contract_is_no_rival_and_the_verdict_says_so(
    a_candidate: CandidateMaker, live: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(live, a_candidate("old"), close=True)
    monkeypatch.setattr(contract, "MIN_DURATION_SECONDS", 2.0)
    # A seed of its own: no other test may have made this model, under the usual contract.
    verdict = json.loads(a_candidate("new", seed=11).verdict.read_text())
    assert verdict["accepted"] is True
    assert verdict["champion"]["test"] is None
    assert "another contract" in verdict["reasons"][-1]


def test_the_champion_trained_again_is_not_registered_again(a_candidate: CandidateMaker, live: Platform) -> None:
    register(live, a_candidate("once"), close=True)
    verdict = json.loads(a_candidate("twice").verdict.read_text())
    assert verdict["accepted"] is False
    assert verdict["reasons"] == ["the model is the champion, byte for byte"]


def test_a_forced_candidate_carries_the_reason_and_the_rules_that_it_broke(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking
) -> None:
    register(live, a_candidate("good"), close=True)
    forced = register(live, a_candidate("forced", noise=1.0, force_reason="the champion leaks"), close=True)
    current = champion(tracking)
    assert current is not None
    assert current.version == forced.version
    assert (current.tags[VERDICT], current.tags[FORCE_REASON]) == ("forced", "the champion leaks")
    assert current.tags[VERDICT_REASON].startswith("accepted by force: the champion leaks; ")
    assert "no worse overall" in current.tags[VERDICT_REASON]
    assert current.tags["keelson.check.no_worse_overall"].startswith("broken: ")
    assert history(live)[0].reason.startswith("accepted by force")


def test_a_version_says_which_rules_were_kept_and_where_the_reports_are(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking, tmp_path: Path
) -> None:
    registered = register(live, a_candidate("tagged"), close=True)
    version, run = tracking.version(contract.MODEL_NAME, registered.version), run_of(tracking, "tagged")
    assert version is not None
    assert version.tags["keelson.check.better_than_the_baseline"].startswith("kept: test MAE ")
    assert version.tags["keelson.verdict_page"] == f"runs:/{run.run_id}/reports/verdict.html"
    hashes = {tag: value for tag, value in version.tags.items() if tag.startswith(REPORT_SHA256)}
    assert len(hashes) == 9
    for tag, expected in hashes.items():
        path = tag.removeprefix(REPORT_SHA256)
        folder, name = path.rsplit("/", 1)
        assert file_hash(tracking.download(f"{run.artifact_uri}/{folder}", name, tmp_path / "reports")) == expected


def test_the_page_of_the_verdict_shows_every_rule_and_the_change_in_each_slice(
    a_candidate: CandidateMaker, live: Platform
) -> None:
    register(live, a_candidate("first"), close=True)
    page = a_candidate("second", seed=2).verdict_page.read_text()
    for said in ("no worse overall", "no worse in borough Queens", "latency budget", "honest intervals", "champion"):
        assert said in page
    assert page.count("<svg") == 2


def test_the_registry_shows_a_card_with_data_errors_limits_and_who_promoted_it(
    a_candidate: CandidateMaker, live: Platform
) -> None:
    card = card_of(live, register(live, a_candidate("carded"), close=True).version)
    for said in ("Data version | 3", "Accepted by the gate", "Manhattan", "Where not to use it", "Commit | abc"):
        assert said in card
    assert "pipeline run carded: version 1 became champion after no version" in card


def test_the_card_of_a_version_that_came_too_late_says_so(a_candidate: CandidateMaker, live: Platform) -> None:
    late = a_candidate("late", seed=2)
    register(live, a_candidate("early"), close=True)
    card = card_of(live, register(live, late, close=True).version)
    assert "version 2 is not champion: it was judged against no version, but now it is version 1" in card


def card_of(live: Platform, version: int) -> str:
    query = {"name": contract.MODEL_NAME, "version": str(version)}
    answer = httpx.get(f"{live.mlflow_tracking_uri}/api/2.0/mlflow/model-versions/get", params=query, timeout=60)
    return answer.raise_for_status().json()["model_version"]["description"]


def test_one_run_that_registers_several_times_at_once_makes_one_version(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = a_candidate("many")
    # As a driver does before the steps; MLflow on SQLite fails where several log a parameter first.
    known = {"source": candidate.source, "rows": candidate.rows, "seed": candidate.seed}
    open_run(tracking, "many", parameters=known, tags={})
    look = Tracking.versions_of_run

    def look_and_dawdle(tracking: Tracking, model: str, run: Run) -> list[ModelVersion]:
        found = look(tracking, model, run)
        time.sleep(0.2)
        return found

    monkeypatch.setattr(Tracking, "versions_of_run", look_and_dawdle)
    with ThreadPoolExecutor(4) as pool:
        done = set(pool.map(lambda _: register(live, candidate, close=False), range(4)))
    assert len(done) == 1
    assert [one.promoted for one in history(live)] == [True]


def test_of_two_runs_at_once_both_are_registered_and_one_is_promoted(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking
) -> None:
    candidates = [a_candidate("left"), a_candidate("right", seed=2)]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda candidate: register(live, candidate, close=True), candidates))
    assert sorted(one.version for one in done) == [1, 2]
    assert sorted(one.promoted for one in done) == [False, True]
    challenger = tracking.version_by_alias(contract.MODEL_NAME, contract.CHALLENGER)
    assert challenger is not None
    assert challenger.version == 2


def test_mlflow_itself_loads_the_champion_by_its_signature(
    a_candidate: CandidateMaker, live: Platform, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    from mlflow.models import Model as MlflowModel

    candidate = a_candidate("served")
    register(live, candidate, close=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", live.mlflow_tracking_uri)
    mlflow.set_tracking_uri(live.mlflow_tracking_uri)
    loaded = mlflow.pyfunc.load_model(f"models:/{contract.MODEL_NAME}@{contract.CHAMPION}")
    assert [column.name for column in loaded.metadata.signature.inputs] == list(contract.MODEL_FEATURES)
    rows = pl.read_parquet(parts / "test.parquet").select(contract.MODEL_FEATURES).head(5)
    predicted = loaded.predict(rows.to_pandas())
    np.testing.assert_array_equal(predicted, load_model(candidate.model).predict(rows.to_numpy()))
    with pytest.raises(mlflow.MlflowException, match=contract.DISTANCE):
        loaded.predict(rows.drop(contract.DISTANCE).to_pandas())
    told = json.loads(candidate.metrics.read_text())["example"]
    example = MlflowModel.load(f"models:/{contract.MODEL_NAME}@{contract.CHAMPION}").load_input_example()
    np.testing.assert_array_equal(loaded.predict(example), told["predicted"])


@pytest.mark.parametrize("change", ["interval", "model"])
def test_a_registered_model_that_was_changed_is_refused(
    a_candidate: CandidateMaker, live: Platform, tracking: Tracking, tmp_path: Path, change: str
) -> None:
    candidate = a_candidate("changed")
    register(live, candidate, close=True)
    current = champion(tracking)
    assert current is not None
    run = run_of(tracking, "changed")
    manifest = json.loads((candidate.model / "model.json").read_text())
    if change == "interval":
        manifest["interval"]["low"] = -10.0
    else:
        # Native file and manifest together, so that they agree with each other.
        native = tmp_path / "model.txt"
        native.write_text((candidate.model / "model.txt").read_text() + "\n")
        manifest["model_sha256"] = file_hash(native)
        tracking.upload(run, native, "model/model.txt")
    tracking.upload_text(run, json.dumps(manifest), "model/model.json")
    with pytest.raises(ModelIntegrityError) as refusal:
        download_model(tracking, current, tmp_path / "fetched")
    registered = current.tags[MANIFEST_SHA256 if change == "interval" else MODEL_SHA256]
    assert f"of version {current.version}" in str(refusal.value)
    assert registered in str(refusal.value)


def test_a_silent_server_is_named_in_the_error(live: Platform, a_candidate: CandidateMaker, parts: Path) -> None:
    nowhere = live.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    known = a_candidate("known")
    files = known.model, parts / "test.parquet", known.metrics, known.compatibility, known.verdict, known.verdict_page
    with pytest.raises(TrackingError, match=r"127\.0\.0\.1:9.*is it running"):
        compare(nowhere, *files)
