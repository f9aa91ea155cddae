"""One code change, one model and one worse model on their way, by the workflows themselves; and what is stopped."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.workflows

_KEPT_LONGER = {"infra/local/observability.py": ("retention.time=30d", "retention.time=45d")}
_WHY = "seven times the trips"
_ROWS, _ATTEMPTS = 20_000, 3


@dataclass
class Code:
    """What became of a code change, step by step."""

    dev: Any
    too_early: Any
    staging: Any
    once_green: Any
    nightly: Any
    not_approved: Any
    prod: Any


@dataclass
class Model:
    """What became of a model change, step by step."""

    trained: Any
    dev: Any
    skipped: Any
    staging: Any
    changed: Any
    prod: Any
    bundle: str
    digest: str
    callers: dict[str, Any]


@dataclass
class Worse:
    """What became of a model that only its answers could betray."""

    dev: Any
    staging: Any
    prod: Any
    bundle: str
    callers: dict[str, Any]


def pushed(team: Any, changes: dict[str, tuple[str, str]], message: str) -> Any:
    """What a change of `develop` brings about that is then taken back."""
    good = team.git("rev-parse", "HEAD")
    team.commit(changes, message)
    done = team.push("develop")
    team.git("reset", "--quiet", "--hard", good)
    return done


@pytest.fixture(scope="module")
def code(team: Any) -> Code:
    """A change of how long Prometheus keeps its series is carried to prod."""
    team.commit(_KEPT_LONGER, "Keep time series for 45 days")
    dev = team.push("develop")
    team.git("checkout", "--quiet", "main")
    team.git("merge", "--quiet", "--no-ff", "--message", "Merge what was tried in dev", "develop")
    too_early = release(team, approved=True)
    staging = team.push("main")
    once_green = release(team, approved=True)
    nightly = team.run("delivery", "schedule", ref="refs/heads/main")
    not_approved = release(team, approved=False)
    prod = release(team, approved=True)
    return Code(dev, too_early, staging, once_green, nightly, not_approved, prod)


@pytest.fixture(scope="module")
def model(team: Any, code: Code) -> Model:
    """Every environment has seven times the trips now; a model that learned from them is carried to prod."""
    trained = train(team, "dev", f"rows={_ROWS}", _WHY)
    for environment in ("staging", "prod"):
        refreshed = team.make(environment, "features", f"ROWS={_ROWS}")
        assert refreshed.returncode == 0, refreshed.stderr
    dev = release_model(team, "dev", "", _WHY)
    bundle, (digest, _) = newest(team, "dev"), digests(team, "dev", "keelson-model")[0]
    skipped = release_model(team, "prod", bundle, _WHY, approved=True)
    with team.callers("staging") as in_staging:
        staging = release_model(team, "staging", bundle, _WHY)
    in_store = team.folder / "staging/.local/bentoml/bentos" / bundle.replace(":", "/")
    weights = min(in_store.glob("src/models/*/model.json"))
    kept = weights.read_bytes()
    weights.write_bytes(kept + b"\n")
    changed = release_model(team, "prod", bundle, _WHY, approved=True)
    weights.write_bytes(kept)
    with team.callers("prod") as in_prod:
        prod = release_model(team, "prod", bundle, _WHY, approved=True)
    callers = {"staging": in_staging, "prod": in_prod}
    return Model(trained, dev, skipped, staging, changed, prod, bundle, digest, callers)


@pytest.fixture(scope="module")
def worse(team: Any, model: Model) -> Worse:
    """A model that learned nonsense, forced past the gate, goes as far as the callers of staging."""
    trips = team.logs / "trips.parquet"
    root = team.folder / "dev"
    subprocess.run([root / ".venv/bin/python", "-m", "serving.release.spoilt", "--out", trips], cwd=root, check=True)
    train(team, "dev", f"source={trips} force_reason='a drill'", "a drill")
    dev = release_model(team, "dev", "", "a drill")
    bundle = newest(team, "dev")
    with team.callers("staging") as callers:
        staging = release_model(team, "staging", bundle, "a drill")
    prod = release_model(team, "prod", bundle, "a drill", approved=True)
    return Worse(dev, staging, prod, bundle, callers)


def release(team: Any, *, approved: bool) -> Any:
    told = {"action": "published", "release": {"name": "v1.1.0", "tag_name": "v1.1.0"}}
    return team.run("delivery", "release", ref="refs/tags/v1.1.0", approved=approved, **told)


def train(team: Any, environment: str, parameters: str, reason: str) -> Any:
    inputs = {"environment": environment, "parameters": parameters, "reason": reason}
    return team.run("train", "workflow_dispatch", ref="refs/heads/main", inputs=inputs)


def release_model(team: Any, environment: str, bundle: str, why: str, *, approved: bool = False) -> Any:
    """Run the workflow; again a while later where this machine was too busy for the load test, as a person would."""
    inputs = {"environment": environment, "bundle": bundle, "why": why}

    def ran() -> Any:
        return team.run("release-model", "workflow_dispatch", ref="refs/heads/main", approved=approved, inputs=inputs)

    done = ran()
    for attempt in range(1, _ATTEMPTS):
        if not done.said('"outcome": "held"'):
            break
        time.sleep(60 * attempt)
        done = ran()
    return done


def newest(team: Any, environment: str) -> str:
    """The bundle that was tried there last."""
    return team.github.ledger(environment, "keelson-model")[-1][0]["name"]


def served(team: Any, environment: str) -> dict[str, Any]:
    return httpx.get(f"{team.platform(environment)['KEELSON_SERVING_URL']}/model", timeout=10).json()


def digests(team: Any, environment: str, task: str) -> list[tuple[str, str]]:
    """Digest and state of what is in the ledger."""
    return [(payload["digest"], state) for payload, state in team.github.ledger(environment, task)]


def test_the_event_retrain_asks_for_a_training_in_dev_by_what_it_says(team: Any) -> None:
    def sent(**told: str) -> Any:
        return team.run("train", "repository_dispatch", ref="refs/heads/main", action="retrain", client_payload=told)

    assert sent(reason="drift", parameters="rows").said("train: 'rows' is no parameter")
    assert sent(reason="drift", parameters="rows=4000").said("train: dev has no stack")


def test_a_red_test_stops_the_deployment(team: Any) -> None:
    wrong = {"docs/product.md": ("`MIN_RELEASE_PREDICTIONS` | 200", "`MIN_RELEASE_PREDICTIONS` | 20")}
    done = pushed(team, wrong, "Say a threshold wrongly")
    assert not done.good
    assert done.said("FAILED tests/components/test_thresholds.py")
    assert not done.ran("dev/deploy/dev")


def test_a_refused_policy_stops_the_deployment(team: Any) -> None:
    opened = {"infra/aws/storage.py": ("block_public_acls=True", "block_public_acls=False")}
    done = pushed(team, opened, "Open the buckets")
    assert not done.good
    assert done.said("bucket-public-access-blocked")
    assert not done.ran("dev/deploy/dev")


def test_a_code_change_passes_dev_and_staging_to_prod_as_one_tree(team: Any, code: Code) -> None:
    assert (code.dev.good, code.staging.good, code.nightly.good, code.prod.good) == (True,) * 4
    tree = team.git("rev-parse", "main^{tree}")
    assert tree == team.git("rev-parse", "develop^{tree}")
    assert digests(team, "dev", "keelson-code") == [(tree, "success")]
    assert digests(team, "staging", "keelson-code") == [(tree, "success")] * 2
    assert digests(team, "prod", "keelson-code") == [(tree, "success")]
    for environment in ("dev", "staging", "prod"):
        prometheus = team.platform(environment)["KEELSON_PROMETHEUS_URL"]
        flags = httpx.get(f"{prometheus}/api/v1/status/flags", timeout=10).json()["data"]
        assert flags["storage.tsdb.retention.time"] == "45d"


def test_prod_waits_for_green_runs_in_staging_and_for_an_approval(team: Any, code: Code) -> None:
    assert code.too_early.said("has 0 green runs in a row in staging, and prod wants 2")
    assert code.once_green.said("has 1 green runs in a row in staging, and prod wants 2")
    assert code.not_approved.said("nobody approved of this run for prod")
    assert not any(run.good for run in (code.too_early, code.once_green, code.not_approved))
    [(payload, _)] = team.github.ledger("prod", "keelson-code")
    assert payload["approvers"] == ["ada"]
    assert payload["why"] == "v1.1.0; ada: seen in staging"


def test_a_model_is_carried_to_prod_by_its_digest(team: Any, model: Model) -> None:
    assert (model.trained.good, model.dev.good, model.staging.good, model.prod.good) == (True,) * 4
    for environment in ("dev", "staging", "prod"):
        # A busy machine's load test may have been in the way before.
        *before, last = digests(team, environment, "keelson-model")
        assert last == (model.digest, "success")
        assert set(before) <= {(model.digest, "failure")}
    *_, (payload, _) = team.github.ledger("prod", "keelson-model")
    assert (payload["name"], payload["approvers"]) == (model.bundle, ["ada"])
    assert payload["why"] == f"{_WHY}; ada: seen in staging"
    assert model.callers["prod"]["failed"] == model.callers["staging"]["failed"] == 0
    assert set(model.callers["prod"]["answered"]) == {"1", "2"}


def test_prod_refuses_a_bundle_that_staging_has_not_released_or_that_was_changed_since(team: Any, model: Model) -> None:
    assert not model.skipped.good
    assert model.skipped.said(f"{model.bundle} was never deployed in staging")
    assert not model.changed.good
    assert model.changed.said("was changed after the bundle was built")
    assert not model.changed.said("May it enter [")


def test_a_failed_canary_is_taken_back_and_goes_no_further(team: Any, model: Model, worse: Worse) -> None:
    assert worse.dev.good
    assert not worse.staging.good
    assert worse.staging.said("release: rolled back")
    assert worse.bundle != model.bundle
    assert digests(team, "staging", "keelson-model")[-1][1] == "failure"
    assert not worse.prod.good
    assert worse.prod.said("has 0 green runs in a row in staging, and prod wants 1")
    for environment in ("staging", "prod"):
        told = served(team, environment)
        assert (told["bundle"], told["traffic"]["champion"]) == (model.bundle, "2")
    assert worse.callers["failed"] == 0


def test_no_token_of_a_job_reaches_a_stack(team: Any, worse: Worse) -> None:
    kept = [
        file
        for environment in ("dev", "staging", "prod")
        for file in (team.folder / environment / ".local").rglob("*.conf")
    ]
    assert kept
    assert not [file for file in kept if team.github.token in file.read_text()]
    assert team.github.token not in "".join(file.read_text() for file in Path(team.logs).glob("*.log"))
    json.dumps(team.github.deployments)
