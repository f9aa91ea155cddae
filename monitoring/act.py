"""``python -m monitoring.act``: carry on with the retraining that was decided on and has not ended, to its end.

The run is started as anybody starts one, with the reason; its model passes the gates that every model passes, and the
release that every model passes. How far it is stands in ``monitor_retrains``: killed anywhere, the next call goes on.
A training that is started again joins the one that is under way, and a release that was interrupted begins anew. So
does one that was held at its load test, some minutes later: the machine was too busy for it to show anything. stdout
ends with one JSON line.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine
from tenacity import Retrying, before_sleep_log, retry_if_result, stop_after_attempt, wait_exponential

from components.database import alone
from components.log_lines import log_as_json
from components.platform import Platform
from monitoring import state
from monitoring.settings import MonitoringSettings
from monitoring.state import Retraining
from monitoring.state_tables import Result, Stage, open_state

_LONGEST = 2000
# What ``pipelines.submit`` and the release say, by what it means here.
_RELEASES = {"released": Result.RELEASED, "rolled back": Result.ROLLED_BACK, "held": Result.HELD}
# A minute after the first load test that showed nothing, twice as long after each other: half an hour in all.
_LOAD_TESTS, _FIRST_WAIT_SECONDS = 6, 60

_LOG = logging.getLogger("monitoring.act")


def act(platform: Platform, settings: MonitoringSettings) -> Retraining | None:
    """Carry on with the retraining that has not ended.

    Returns:
        It, ended; None where there is none, or another process is at it.
    """
    engine = open_state(platform, settings.database_schema)
    with alone(engine, "monitor retraining", wait=False) as lock:
        while lock is not None and (current := _current(engine)) is not None:
            step = _train if current.stage is Stage.TRAINING else _release
            state.advance(engine, current.shift, step(settings, current))
            [after] = [one for one in state.retrainings(engine) if one.shift == current.shift]
            if after.stage is Stage.ENDED:
                return after
    return None


def _current(engine: Engine) -> Retraining | None:
    return next((one for one in state.retrainings(engine) if one.stage is not Stage.ENDED), None)


def _train(settings: MonitoringSettings, current: Retraining) -> dict[str, Any]:
    """Run the training pipeline; returns what changes of the row."""
    told = _told([*settings.train_command, "--param", f"source={current.source}", "--reason", current.reason])
    if told.get("status") != "succeeded":
        return _ended(Result.FAILED, told.get("error") or "the training failed") | {"run_id": told.get("run_id")}
    verdict = told.get("verdict") or {}
    if told.get("model_version") is None:
        reasons = "; ".join(verdict.get("reasons", ())) or "the data were refused"
        return _ended(Result.REFUSED, reasons) | {"run_id": told["run_id"]}
    return {"stage": Stage.RELEASING, "run_id": told["run_id"], "tried": str(told["model_version"])}


def _release(settings: MonitoringSettings, current: Retraining) -> dict[str, Any]:
    """Release the version that waits; returns what changes of the row."""
    if not settings.release_command:
        return _ended(Result.HELD, "no release command is set: the version waits for a release")
    told = _when_not_busy(settings.release_command)
    result = _RELEASES.get(told.get("outcome", ""))
    if result is None or told.get("tried") != current.tried:
        said = told.get("error") or f"version {current.tried} was not released: {told.get('outcome', 'no answer')}"
        return _ended(Result.FAILED, said)
    return _ended(result, told.get("reason", ""))


def _when_not_busy(release: Sequence[str]) -> dict[str, Any]:
    """What the release says, begun anew while it is held at its load test; in the end it is held."""
    again = Retrying(
        retry=retry_if_result(lambda told: (told.get("outcome"), told.get("stage")) == ("held", "load test")),
        wait=wait_exponential(multiplier=_FIRST_WAIT_SECONDS),
        stop=stop_after_attempt(_LOAD_TESTS),
        before_sleep=before_sleep_log(_LOG, logging.WARNING),
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )
    return again(_told, release)


def _ended(result: Result, said: str) -> dict[str, Any]:
    return {"stage": Stage.ENDED, "result": result, "said": said[:_LONGEST]}


def _told(command: Sequence[str]) -> dict[str, Any]:
    """Run a command whose output ends with a JSON line; its progress goes to this process's stderr."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    try:
        told = json.loads(lines[-1])
    except (IndexError, ValueError):
        told = None
    if not isinstance(told, dict):
        return {"status": "failed", "error": f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-500:]}"}
    return told


def main() -> int:
    """Carry on; prints a JSON line with what came of it. Returns the exit status."""
    log_as_json()
    ended = act(Platform(), MonitoringSettings())  # pyright: ignore[reportCallIssue]
    print(json.dumps({"retraining": None if ended is None else vars(ended)}, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
