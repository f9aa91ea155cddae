"""Record in MLflow why data were refused, then fail the pipeline run."""

import json
from pathlib import Path
from typing import Any

from components.platform import Platform
from components.recording import COMMIT, DATA_VERSION, STACK, VERDICT, VERDICT_REASON, Submission, open_run
from components.tracking import Tracking

SKEWED_COLUMNS = "keelson.schema_skew"
REPORT, PAGE = "reports/schema_skew.json", "reports/schema_skew.html"

# MLflow refuses tags of more than 8,000 characters.
_LONGEST_TAG = 5000
_NOTHING = Submission()


class DataRefusedError(ValueError):
    """The data do not keep the contract; the message names each violation and where the report is."""


def refuse(
    platform: Platform,
    *,
    run: str,
    close: bool,
    data_version: int,
    commit: str,
    report: Path,
    page: Path,
    submission: Submission = _NOTHING,
) -> None:
    """Record refused data with their report, and raise; no model is trained on them and none is registered.

    Refusing the same pipeline run again records it in the same MLflow run.

    Args:
        platform: Its MLflow server is written to.
        run: Key of the pipeline run.
        close: End the MLflow run here as failed, because nothing else will.
        data_version: Version of the trips table that was refused; -1 where the source was, before any was written.
        commit: Commit of the code, or empty.
        report: JSON of the ingest or the validate step, with at least one violation.
        page: HTML of the same step.
        submission: What who started the run says of it, where no driver does.

    Raises:
        DataRefusedError: Always, once all is recorded.
        components.tracking.TrackingError: MLflow does not answer.
    """
    violations = json.loads(report.read_text(encoding="utf-8"))["violations"]
    listed = "; ".join(_told(violation) for violation in violations)
    tags = {
        **submission.tags,
        STACK: platform.stack,
        COMMIT: commit,
        VERDICT: "refused",
        VERDICT_REASON: f"schema skew: {listed}"[:_LONGEST_TAG],
        SKEWED_COLUMNS: ", ".join(dict.fromkeys(violation["column"] for violation in violations))[:_LONGEST_TAG],
    }
    if data_version >= 0:
        tags[DATA_VERSION] = str(data_version)
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        recorded = open_run(tracking, run, parameters=dict(submission.parameters), tags=tags)
        tracking.upload(recorded, report, REPORT)
        tracking.upload(recorded, page, PAGE)
        if close:
            tracking.close_run(recorded, "FAILED")
    refused = f"data version {data_version}" if data_version >= 0 else "the source"
    raise DataRefusedError(
        f"{refused} does not keep the contract, so nothing is trained on it: {listed}. See {PAGE} of MLflow run "
        f"{recorded.run_id}; correct the source, or change what is declared in components/contract.py"
    )


def _told(violation: dict[str, Any]) -> str:
    """One violation in a few words. The rows are 0 where none was looked at."""
    origin = f"{violation['origin']}: " if "origin" in violation else ""
    rows = f" in {violation['rows']:,} rows" if violation["rows"] else ""
    return f"{origin}{violation['column']} breaks '{violation['rule']}'{rows}"
