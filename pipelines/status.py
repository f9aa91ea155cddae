"""``python -m pipelines.status``: the champion and the last training run, as one JSON line."""

import json
from datetime import UTC, datetime
from typing import Any

from components import contract
from components.platform import Platform
from components.recording import DATA_VERSION, champion
from components.tracking import RunRecord, Tracking

# What a person wants to see of a model at a glance.
_SHOWN = ("test.mae", "test.rmse", "test.mape", "baseline.mae")


def status(tracking: Tracking) -> dict[str, Any]:
    """``{"champion": ... or None, "last_run": ... or None}``; metrics are in seconds but for ``mape``, a share."""
    serving = champion(tracking)
    newest = tracking.newest_run(tracking.experiment(contract.EXPERIMENT))
    told: dict[str, Any] = {"champion": None, "last_run": _described(newest) if newest else None}
    if serving is not None:
        metrics = tracking.run_record(serving.run_id).metrics
        told["champion"] = {
            "version": serving.version,
            "run_id": serving.run_id,
            "data_version": int(serving.tags[DATA_VERSION]),
            "metrics": {name: metrics[name] for name in _SHOWN if name in metrics},
        }
    return told


def _described(run: RunRecord) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "started": _time(run.started),
        "ended": _time(run.ended) if run.ended else None,
    }


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def main() -> None:
    """Print the line."""
    with Tracking(Platform().mlflow_tracking_uri) as tracking:  # pyright: ignore[reportCallIssue]
        print(json.dumps(status(tracking)))


if __name__ == "__main__":
    main()
