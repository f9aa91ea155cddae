"""What a pipeline run leaves in MLflow: one run with its parameters, metrics and artifacts, found by its key."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components import contract, mlflow_model, model_card
from components.artifacts import Artifact, read
from components.model import MANIFEST_FILE, ModelIntegrityError, file_hash, model_files, verified_hash
from components.platform import Platform
from components.tracking import ModelVersion, Run, Tracking

MODEL_FOLDER = "model"
# Tags of a run and of a model version.
RUN_KEY = "keelson.pipeline_run"
STACK = "keelson.stack"
COMMIT = "keelson.commit"
SOURCE = "keelson.source"
DATA_VERSION = "keelson.data_version"
# When the first trip of the data version began that is learned from; empty where all are.
LEARN_FROM = "keelson.learn_from"
MODEL_FAMILY, MODEL_SHA256, MANIFEST_SHA256 = "keelson.model_family", "keelson.model_sha256", "keelson.manifest_sha256"
PREVIOUS_MODEL = "keelson.previous_model"
VERDICT, VERDICT_REASON, FORCE_REASON = "keelson.verdict", "keelson.verdict_reason", "keelson.force_reason"
TEST_MAE, BASELINE_MAE, COVERAGE = "keelson.test_mae", "keelson.baseline_mae", "keelson.interval_coverage"
# Followed by the name of a check, and by the path of a report among the run's artifacts.
CHECK, REPORT_SHA256 = "keelson.check.", "keelson.sha256."

REPORTS = ("metrics", "verdict", "compatibility", "importances", "skew", "selection")
PAGES = ("metrics", "verdict", "importances")
# MLflow refuses tags of more than 8,000 characters.
_LONGEST_TAG = 5000


@dataclass(frozen=True)
class Submission:
    """What only who started a run knows of it, as a driver would note it.

    Attributes:
        parameters: The pipeline's arguments.
        tags: Of the MLflow run: pipeline, versions, image, who started it.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Submission":
        """Of the JSON that ``as_json`` gives; empty text says nothing, because a driver has noted all."""
        return cls(**json.loads(text)) if text else cls()

    def as_json(self) -> str:
        """One line of text, such as a parameter of a pipeline can hold."""
        return json.dumps(vars(self))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """All that a pipeline run knows about the model that it made.

    Attributes:
        run: Key of the pipeline run; one MLflow run per key.
        source: Where the trips came from.
        rows: Trips asked for.
        seed: Seed of every random choice.
        data_version: Version of the trips table.
        commit: Commit of the code, or empty.
        model: Model folder.
        metrics: JSON of the evaluate step, and its page.
        verdict: JSON of the compare step, and its page.
        compatibility: JSON of the check_compatibility step.
        importances: JSON of the explain step, and its page.
        skew: JSON of the detect_skew step.
        selection: JSON of the select step.
        submission: What who started the run says of it, where no driver does.
        learn_from: When the first trip began that was learned from (ISO 8601, New York wall clock), empty where all
            of the version were.
    """

    run: str
    source: str
    rows: int
    seed: int
    data_version: int
    commit: str
    model: Path
    metrics: Path
    metrics_page: Path
    verdict: Path
    verdict_page: Path
    compatibility: Path
    importances: Path
    importances_page: Path
    skew: Path
    selection: Path
    submission: Submission = Submission()
    learn_from: str = ""


def read_candidate(run: str, *, origin: Mapping[str, Any], artifacts: Mapping[str, Artifact]) -> Candidate:
    """A candidate of the artifacts of other steps.

    Args:
        run: Key of the pipeline run.
        origin: source, rows, seed, data_version, commit, submission and learn_from.
        artifacts: The other attributes by name.

    Raises:
        components.artifacts.ArtifactIntegrityError: An artifact was changed since it was published.
    """
    files: dict[str, Any] = {name: read(artifact) for name, artifact in artifacts.items()}
    return Candidate(run=run, **origin, **files)


def open_run(tracking: Tracking, key: str, *, parameters: dict[str, Any], tags: dict[str, str]) -> Run:
    """The MLflow run of a pipeline run, created if missing; parameters and tags are added either way."""
    experiment = tracking.experiment(contract.EXPERIMENT)
    run = tracking.find_run(experiment, RUN_KEY, key) or tracking.create_run(experiment, key, {RUN_KEY: key})
    tracking.log(run, params=parameters, tags=tags)
    return run


def champion(tracking: Tracking) -> ModelVersion | None:
    """The model version that serves now, or None."""
    return tracking.version_by_alias(contract.MODEL_NAME, contract.CHAMPION)


def download_model(tracking: Tracking, version: ModelVersion, folder: Path) -> Path:
    """Fetch a registered model to a folder that ``components.model.load_model`` reads; returns the folder.

    Raises:
        components.model.ModelIntegrityError: The model is not the one that was registered, or not for this contract.
    """
    tracking.download(version.source, MANIFEST_FILE, folder)
    for name in model_files(folder):
        if name != MANIFEST_FILE:
            tracking.download(version.source, name, folder)
    # Manifest and native file could have been changed together; the tags are kept elsewhere.
    actual = {MODEL_SHA256: verified_hash(folder), MANIFEST_SHA256: file_hash(folder / MANIFEST_FILE)}
    for tag, what in ((MODEL_SHA256, "model"), (MANIFEST_SHA256, "manifest")):
        registered = version.tags.get(tag, actual[tag])
        if actual[tag] != registered:
            said = f"the SHA-256 of the {what} of version {version.version}"
            raise ModelIntegrityError(folder, said, registered, actual[tag])
    return folder


@contextmanager
def recorded(platform: Platform, candidate: Candidate, *, close: bool) -> Iterator[tuple[Tracking, Run]]:
    """A connection to MLflow and the run of a candidate, in which all about it is logged before the block begins.

    Args:
        platform: Its MLflow server is written to.
        candidate: What is logged: parameters, metrics, tags, reports, card and model.
        close: End the run after the block, because nothing else will.

    Raises:
        components.model.ModelIntegrityError: The model folder was changed.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        run = _record(platform, tracking, candidate)
        yield tracking, run
        if close:
            tracking.close_run(run, "FINISHED")


def _record(platform: Platform, tracking: Tracking, candidate: Candidate) -> Run:
    asked = {"source": candidate.source, "rows": candidate.rows, "seed": candidate.seed}
    parameters = {**candidate.submission.parameters, **asked}
    tags = {**candidate.submission.tags, **candidate_tags(platform, candidate)}
    run = open_run(tracking, candidate.run, parameters=parameters, tags=tags)
    metrics = _json(candidate.metrics)
    tracking.log(run, metrics=flat_metrics(metrics))
    for name in model_files(candidate.model):
        tracking.upload(run, candidate.model / name, f"{MODEL_FOLDER}/{name}")
    manifest, kept = _json(candidate.model / MANIFEST_FILE), {"run_id": run.run_id, "folder": MODEL_FOLDER}
    for name, text in mlflow_model.files(manifest, metrics["example"], **kept).items():
        tracking.upload_text(run, text, f"{MODEL_FOLDER}/{name}")
    for path, file in report_files(candidate).items():
        tracking.upload(run, file, path)
    record_card(tracking, run, card_facts(platform, candidate, run))
    return run


def record_card(tracking: Tracking, run: Run, facts: model_card.Facts) -> None:
    """Store the model card in a run, in place of an earlier one."""
    tracking.upload_text(run, model_card.as_page(facts), "model_card.html")
    tracking.upload_text(run, model_card.as_markdown(facts), "model_card.md")


def report_files(candidate: Candidate) -> dict[str, Path]:
    """The files of a candidate's reports by their path among the run's artifacts."""
    reports = {f"reports/{name}.json": getattr(candidate, name) for name in REPORTS}
    return reports | {f"reports/{name}.html": getattr(candidate, f"{name}_page") for name in PAGES}


def card_facts(platform: Platform, candidate: Candidate, run: Run, promotion: str = "") -> model_card.Facts:
    """What the model card of a candidate is made from; ``promotion`` says who promoted it, once that is known."""
    return model_card.Facts(
        manifest=_json(candidate.model / MANIFEST_FILE),
        origin={
            "Source": candidate.source,
            "Data version": str(candidate.data_version),
            "Seed": str(candidate.seed),
            "Commit": candidate.commit or "unknown",
            "Stack": platform.stack,
            "Run": run.run_id,
        }
        | ({"Learned from trips since": candidate.learn_from} if candidate.learn_from else {}),
        metrics=_json(candidate.metrics),
        verdict=_json(candidate.verdict),
        compatibility=_json(candidate.compatibility),
        importances=_json(candidate.importances),
        promotion=promotion,
    )


def candidate_tags(platform: Platform, candidate: Candidate) -> dict[str, str]:
    """The tags that a candidate's run and its model version share."""
    verdict, metrics = _json(candidate.verdict), _json(candidate.metrics)
    previous = verdict["champion"]
    decided = "forced" if verdict["forced"] else "accepted" if verdict["accepted"] else "rejected"
    return {
        STACK: platform.stack,
        COMMIT: candidate.commit,
        SOURCE: candidate.source,
        DATA_VERSION: str(candidate.data_version),
        LEARN_FROM: candidate.learn_from,
        MODEL_FAMILY: metrics["model"]["family"],
        MODEL_SHA256: verified_hash(candidate.model),
        MANIFEST_SHA256: file_hash(candidate.model / MANIFEST_FILE),
        TEST_MAE: f"{metrics['test']['mae']:.3f}",
        VERDICT: decided,
        VERDICT_REASON: "; ".join(verdict["reasons"])[:_LONGEST_TAG],
        FORCE_REASON: verdict["force_reason"][:_LONGEST_TAG],
        PREVIOUS_MODEL: f"models:/{contract.MODEL_NAME}/{previous['version']}" if previous else "",
    }


def version_tags(platform: Platform, candidate: Candidate, run: Run) -> dict[str, str]:
    """The tags of a candidate's model version: also each check, and where its reports are and what is in them."""
    verdict, metrics = _json(candidate.verdict), _json(candidate.metrics)
    checks = {
        CHECK + check["name"].replace(" ", "_"): f"{'kept' if check['passed'] else 'broken'}: {check['says']}"
        for check in verdict["checks"]
    }
    pages = {f"keelson.{name}_page": f"runs:/{run.run_id}/reports/{name}.html" for name in PAGES}
    hashes = {REPORT_SHA256 + path: file_hash(file) for path, file in report_files(candidate).items()}
    return {
        **candidate_tags(platform, candidate),
        **checks,
        **pages,
        **hashes,
        "keelson.model_card": f"runs:/{run.run_id}/model_card.html",
        BASELINE_MAE: f"{metrics['baseline']['mae']:.3f}",
        COVERAGE: f"{metrics['test']['coverage']:.4f}",
    }


def flat_metrics(metrics: dict[str, Any]) -> dict[str, float]:
    """Metrics of the evaluate step under flat names, e.g. ``test.mae``, ``test.mae_low``, ``slice.airport.yes.mae``."""
    flat = {
        f"{part}.{name}": float(value)
        for part in ("train", "test", "baseline")
        for name, value in metrics[part].items()
    }
    flat |= {
        f"test.{name}_{end}": float(estimate[end])
        for name, estimate in metrics["intervals"].items()
        for end in ("low", "high")
    }
    for group, members in metrics["slices"].items():
        for member, values in members.items():
            slug = member.replace(" ", "_")
            flat |= {f"slice.{group}.{slug}.{name}": float(value) for name, value in values.items()}
    return flat


def _json(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))
