"""Record in MLflow that a pipeline run was needed, because the world of its data has changed."""

import json
from pathlib import Path

from components.platform import Platform
from components.recording import DATA_VERSION, STACK, open_run
from components.tracking import Tracking

NEEDED_BECAUSE, REFERENCE_VERSION = "keelson.needed_because", "keelson.reference_data_version"
REPORT, PAGE = "reports/value_skew.json", "reports/value_skew.html"

_LONGEST_TAG = 5000


def record_skew(platform: Platform, *, run: str, data_version: int, report: Path, page: Path) -> str:
    """Mark a pipeline run's MLflow run with the columns that changed, and store the report; returns the MLflow run id.

    Recording it again changes nothing. The MLflow run stays open: training goes on.

    Args:
        platform: Its MLflow server is written to.
        run: Key of the pipeline run.
        data_version: Version of the trips table that has changed.
        report: JSON of the detect_skew step, with at least one column that is skewed.
        page: HTML of the detect_skew step.

    Raises:
        components.tracking.TrackingError: MLflow does not answer.
    """
    found = json.loads(report.read_text(encoding="utf-8"))
    columns = ", ".join(column["column"] for column in found["columns"] if column["skewed"])
    reference = found["reference_version"]
    tags = {
        STACK: platform.stack,
        DATA_VERSION: str(data_version),
        REFERENCE_VERSION: str(reference),
        NEEDED_BECAUSE: f"value skew against data version {reference} in {columns}"[:_LONGEST_TAG],
    }
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        recorded = open_run(tracking, run, parameters={}, tags=tags)
        tracking.upload(recorded, report, REPORT)
        tracking.upload(recorded, page, PAGE)
    return recorded.run_id
