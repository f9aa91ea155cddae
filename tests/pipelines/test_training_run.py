"""The training pipeline as its user runs it, against a real object store, Postgres and MLflow."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psutil
import pytest
from pydantic import SecretStr

from components import contract
from components.platform import Platform
from components.promotion import history
from components.recording import champion
from components.tracking import ModelVersion, Tracking
from components.trips import synthetic

pytestmark = pytest.mark.training


def environment(platform: Platform) -> dict[str, str]:
    """The variables that a platform is read from."""
    found = {}
    for name, field in Platform.model_fields.items():
        value = getattr(platform, name)
        if value is not None:
            found[str(field.validation_alias)] = (
                value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            )
    return found


# What a person finds in the pages of a run.
PAGES = {
    "reports/ingest.html": "trips were read",
    "reports/profile.html": "Trips per day",
    "reports/validate.html": "version",
    "reports/metrics.html": "By borough",
    "reports/verdict.html": "better than the baseline",
    "reports/importances.html": "trip_distance",
    "model_card.html": "Where not to use it",
}


def command(rows: int, seed: int, *more: str) -> list[str]:
    asked = ["training", "--rows", str(rows), "--seed", str(seed), "--families", "linear,lightgbm", "--trials", "1"]
    return [sys.executable, "-m", "pipelines.run", *asked, *more]


def run(
    platform: Platform, rows: int = 4000, seed: int = 3, more: tuple[str, ...] = (), **changed: str
) -> tuple[int, dict[str, Any]]:
    given = os.environ | environment(platform) | changed
    done = subprocess.run(command(rows, seed, *more), env=given, capture_output=True, text=True, check=False)
    line = json.loads(done.stdout.splitlines()[-1])
    for step in line.get("seconds", {}):
        assert step in done.stderr
    return done.returncode, line


def wrong_password(platform: Platform) -> str:
    """The address of the feature registry with a password that is not the right one."""
    address = platform.feast_registry.get_secret_value()
    return address.replace(platform.feast_online_password.get_secret_value(), "wrong")


def logged(platform: Platform, run_id: str) -> dict[str, Any]:
    """The MLflow run as its REST API tells it."""
    answer = httpx.get(f"{platform.mlflow_tracking_uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id}, timeout=60)
    run = answer.raise_for_status().json()["run"]
    data = {part: {item["key"]: item["value"] for item in items} for part, items in run["data"].items()}
    return {"status": run["info"]["status"], **data}


def artifact(platform: Platform, run_id: str, path: str) -> str:
    """An artifact of a run, as MLflow serves it."""
    asked = {"run_uuid": run_id, "path": path}
    answer = httpx.get(f"{platform.mlflow_tracking_uri}/get-artifact", params=asked, timeout=60)
    return answer.raise_for_status().text


def current_champion(platform: Platform) -> ModelVersion | None:
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        return champion(tracking)


def test_a_failed_run_says_where_resumes_there_and_is_repeatable_to_the_byte(live: Platform, tmp_path: Path) -> None:
    code, failed = run(live, KEELSON_FEAST_REGISTRY=wrong_password(live))
    assert (code, failed["status"], failed["failed_step"]) == (1, "failed", "build_features")
    assert "password authentication failed" in failed["error"]
    assert failed["model_version"] is None
    assert logged(live, failed["run_id"])["status"] == "FAILED"

    code, resumed = run(live)
    assert (code, resumed["status"]) == (0, "succeeded"), resumed
    assert {"ingest", "validate"} <= set(resumed["cached"])
    assert "build_features" not in resumed["cached"]
    record = logged(live, resumed["run_id"])
    assert record["status"] == "FINISHED"
    assert (record["params"]["source"], record["params"]["rows"], record["params"]["seed"]) == (
        "synthetic",
        "4000",
        "3",
    )
    assert record["metrics"]["test.mae"] == resumed["metrics"]["test"]["mae"]
    assert record["metrics"]["train.mae"] == resumed["metrics"]["train"]["mae"]
    assert json.loads(record["tags"]["keelson.step.validate"])["status"] == "cached"
    assert json.loads(record["tags"]["keelson.step.train.linear"])["digests"]["model"]
    assert record["tags"]["keelson.data_version"] == str(resumed["data_version"])
    for page, said in PAGES.items():
        assert said in artifact(live, resumed["run_id"], page)

    # The same again from nothing: the same bytes, so nothing new to register.
    empty = live.model_copy(update={"pipeline_root": str(tmp_path / "empty")})
    code, again = run(empty)
    assert (code, again["cached"]) == (0, [])
    assert again["metrics"] == resumed["metrics"]
    assert again["model_version"] is None
    assert again["verdict"]["reasons"] == ["the model is the champion, byte for byte"]
    newest = current_champion(live)
    assert newest is not None
    assert newest.version == resumed["model_version"]


def trips_that_tell_nothing(folder: Path) -> Path:
    """Trips whose durations were dealt out anew: nothing can be learned from them."""
    trips = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(4000, seed=4)])
    taken = pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)
    sound = trips.filter(taken > timedelta(0), taken < timedelta(hours=4))
    dealt = sound.select(taken.alias("taken"))["taken"].sample(fraction=1.0, shuffle=True, seed=1)
    file = folder / "trips.parquet"
    sound.with_columns((pl.col(contract.PICKUP_TIME) + dealt).alias(contract.DROPOFF_TIME)).write_parquet(file)
    return file


def test_a_worse_model_is_rejected_and_somebody_can_say_why_it_serves_nevertheless(
    live: Platform, tmp_path: Path
) -> None:
    _, first = run(live)
    bad = ("--data", str(trips_that_tell_nothing(tmp_path)))
    code, worse = run(live, more=bad)
    assert (code, worse["status"], worse["model_version"]) == (0, "succeeded", None), worse["error"]
    assert worse["verdict"]["accepted"] is False
    assert logged(live, worse["run_id"])["tags"]["keelson.verdict"] == "rejected"
    code, forced = run(live, more=(*bad, "--force-reason", "a drill"))
    assert (code, forced["model_version"]) == (0, first["model_version"] + 1), forced
    newest = current_champion(live)
    assert newest is not None
    assert (newest.tags["keelson.verdict"], newest.tags["keelson.force_reason"]) == ("forced", "a drill")


@pytest.mark.parametrize(
    ("regime", "column", "step"),
    [("missing_column", "passenger_count", "refuse"), ("new_payment_code", "payment_type", "refuse_2")],
)
def test_schema_skew_stops_the_run_with_a_report_and_nothing_is_registered(
    live: Platform, regime: str, column: str, step: str
) -> None:
    code, refused = run(live, more=("--data", f"synthetic:{regime}"))
    assert (code, refused["status"], refused["schema"]) == (1, "failed", "schema_skew")
    assert refused["failed_step"] == step
    assert column in refused["error"]
    assert "build_features" not in refused["seconds"]
    record = logged(live, refused["run_id"])
    assert (record["status"], record["tags"]["keelson.verdict"]) == ("FAILED", "refused")
    report = json.loads(artifact(live, refused["run_id"], "reports/schema_skew.json"))
    assert column in {violation["column"] for violation in report["violations"]}
    assert column in artifact(live, refused["run_id"], "reports/schema_skew.html")
    assert current_champion(live) is None


def files_of_the_walk_through(folder: Path) -> None:
    """Write what the script on the documentation's page writes."""
    page = (Path(__file__).parents[2] / "docs" / "training-pipeline.md").read_text(encoding="utf-8")
    script = page.partition("```python\n")[2].partition("```")[0]
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)


def test_a_month_with_faulty_rows_passes_without_them_and_one_in_other_units_is_refused(
    live: Platform, tmp_path: Path
) -> None:
    files_of_the_walk_through(tmp_path)
    code, passed = run(live, more=("--data", str(tmp_path / "month.parquet")))
    assert (code, passed["schema"], passed["model_version"]) == (0, "passed", 1), passed["error"]
    ingested = json.loads(logged(live, passed["run_id"])["tags"]["keelson.step.ingest"])
    report = json.loads(Path(ingested["artifacts"]["report"]).read_text())
    left_out = {reason: found["rows"] for reason, found in report["rejected"].items()}
    assert left_out["far_from_all_other_days"] == 3
    assert (left_out["trip_distance_out_of_range"], left_out["PULocationID_out_of_range"]) == (5, 5)
    assert min(left_out["ends_before_it_begins"], left_out["longer_than_4_hours"]) >= 5
    assert report["ignored_columns"] == {"cbd_congestion_fee": 1}
    assert "PULocationID_out_of_range" in artifact(live, passed["run_id"], "reports/ingest.html")

    code, refused = run(live, more=("--data", str(tmp_path / "hundredths.parquet")))
    assert (code, refused["schema"], refused["failed_step"]) == (1, "schema_skew", "refuse_2")
    assert "miles per hour for half of the trips" in refused["error"]
    newest = current_champion(live)
    assert newest is not None
    assert newest.version == 1


def test_value_skew_lets_the_run_go_on_and_says_why_it_was_needed(live: Platform) -> None:
    _, first = run(live, rows=8000)
    assert first["skew"] == "none"
    code, moved = run(live, rows=8000, more=("--data", "synthetic:congestion"))
    assert (code, moved["status"], moved["skew"]) == (0, "succeeded", "value_skew"), moved["error"]
    tags = logged(live, moved["run_id"])["tags"]
    assert f"data version {first['data_version']}" in tags["keelson.needed_because"]
    assert "record_skew" in moved["seconds"]


def test_a_second_request_joins_the_run_that_is_under_way(live: Platform) -> None:
    given = os.environ | environment(live)
    both = [
        subprocess.Popen(command(4000, 5), env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    lines = [json.loads(process.communicate()[0].splitlines()[-1]) for process in both]
    assert sorted(line["joined"] for line in lines) == [False, True]
    assert lines[0]["run_id"] == lines[1]["run_id"]
    newest = current_champion(live)
    assert newest is not None
    assert newest.version == 1


def test_two_different_runs_at_once_keep_apart_what_they_make_and_one_is_first(live: Platform, tmp_path: Path) -> None:
    given = os.environ | environment(live)
    both = [
        subprocess.Popen(command(4000, seed), env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for seed in (3, 9)
    ]
    lines = [json.loads(process.communicate()[0].splitlines()[-1]) for process in both]
    assert [(line["status"], line["joined"]) for line in lines] == [("succeeded", False)] * 2, lines
    records = [logged(live, line["run_id"]) for line in lines]
    assert [record["params"]["seed"] for record in records] == ["3", "9"]
    assert len({record["tags"]["keelson.data_version"] for record in records}) == 2
    promoted = [one for one in history(live) if one.promoted]
    newest = current_champion(live)
    assert newest is not None
    assert newest.version == promoted[0].version
    assert [one.found for one in promoted].count(None) == 1

    # Alone and from nothing the second comes out the same to the byte: it had nothing of the first.
    empty = live.model_copy(update={"pipeline_root": str(tmp_path / "empty")})
    code, alone = run(empty, seed=9)
    assert (code, alone["cached"], alone["metrics"]) == (0, [], lines[1]["metrics"])
    step = "keelson.step.train.lightgbm"
    digests = [
        json.loads(tags[step])["digests"] for tags in (records[1]["tags"], logged(live, alone["run_id"])["tags"])
    ]
    assert digests[0] == digests[1]


def test_a_step_that_is_killed_is_started_anew_and_the_run_succeeds(live: Platform) -> None:
    given = os.environ | environment(live)
    process = subprocess.Popen(command(20_000, 6), env=given, stdout=subprocess.PIPE, text=True)
    killed = kill_step(process.pid, "build_features")
    line = json.loads(process.communicate()[0].splitlines()[-1])
    assert killed
    assert (line["status"], line["restarted"]) == ("succeeded", ["build_features"]), line


def kill_step(parent: int, step: str) -> bool:
    """Kill -9 the first process of a step; whether one was found within ten minutes."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        for child in psutil.Process(parent).children(recursive=True):
            try:
                if f"def {step}(" in " ".join(child.cmdline()) or step in child.cmdline():
                    child.kill()
                    return True
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        time.sleep(0.02)
    return False


def test_a_missing_setting_is_named_on_the_json_line(live: Platform) -> None:
    code, line = run(live, KEELSON_FEAST_ONLINE_PORT="not a port")
    assert (code, line["status"]) == (1, "failed")
    assert "KEELSON_FEAST_ONLINE_PORT" in line["error"]
