"""``python -m pipelines.run training --data synthetic --rows 200000 --seed 42``: run a pipeline on this machine.

The others are ``features``, ``scoring`` and ``monitoring``. Progress goes to stderr, one line a step; stdout ends with
one JSON line that says what came of the run.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.platform import Platform
from components.served.resolve import resolve
from pipelines.driver import Job, Outcome, execute, result
from pipelines.requests import FeaturesRequest, MonitoringRequest, Request, ScoringRequest, TrainingRequest
from pipelines.training import FAMILIES
from pipelines.trigger import cause, run_once


def perform(
    platform: Platform, request: Request, carry_out: Callable[[Platform, Job], Outcome] = execute
) -> dict[str, Any]:
    """Run a pipeline, or join the run that another process has under way for the same request.

    Args:
        platform: The stack that it works on.
        request: What is asked for.
        carry_out: Runs the pipeline.

    Returns:
        What the JSON line says.
    """
    job = resolved(platform, request).job()
    tell = {
        TrainingRequest: training_result,
        FeaturesRequest: features_result,
        ScoringRequest: scoring_result,
        MonitoringRequest: monitoring_result,
    }
    about = cause(job.name, job.version, job.arguments)
    return run_once(platform, job.name, about, lambda: tell[type(request)](carry_out(platform, job)))


def resolved(platform: Platform, request: Request) -> Request:
    """The request with a source that means the same later."""
    if isinstance(request, TrainingRequest | FeaturesRequest):
        return replace(request, data=resolve(platform, request.data, datetime.now(UTC)))
    return request


def training_result(outcome: Outcome) -> dict[str, Any]:
    """The JSON line of a training run."""
    verdict, metrics = _json_output(outcome, "compare", "verdict"), _json_output(outcome, "evaluate", "metrics")
    return {
        **features_result(outcome),
        "skew": _parameter(outcome, "detect_skew", "decision"),
        "family": _parameter(outcome, "select", "family"),
        "model_version": _parameter(outcome, "register", "model_version"),
        "verdict": {name: verdict[name] for name in ("accepted", "reasons")} if verdict else None,
        "metrics": {part: metrics[part] for part in ("train", "test", "baseline")} if metrics else None,
    }


def features_result(outcome: Outcome) -> dict[str, Any]:
    """The JSON line of a run that refreshes features."""
    return {
        **result(outcome),
        "data_version": _parameter(outcome, "ingest", "data_version"),
        "schema": _parameter(outcome, "validate", "decision") or _parameter(outcome, "ingest", "decision"),
    }


def scoring_result(outcome: Outcome) -> dict[str, Any]:
    """The JSON line of a scoring run."""
    return result(outcome) | {name: _parameter(outcome, "score", name) for name in ("rows", "model_version", "newly")}


def monitoring_result(outcome: Outcome) -> dict[str, Any]:
    """The JSON line of a look at predictions."""
    return result(outcome) | {
        "windows": _parameter(outcome, "watch", "windows"),
        "retraining": _parameter(outcome, "watch", "retraining"),
    }


def _parameter(outcome: Outcome, step: str, name: str) -> Any:
    found = outcome.step(step)
    return found.parameters.get(name) if found else None


def _json_output(outcome: Outcome, step: str, name: str) -> dict[str, Any] | None:
    """The content of a step's JSON artifact, or None where the step did not succeed."""
    found = outcome.step(step)
    if found is None or name not in found.artifacts:
        return None
    return json.loads(Path(found.artifacts[name]).read_text(encoding="utf-8"))


def parse(arguments: list[str]) -> Request:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.run", description=__doc__)
    pipelines = parser.add_subparsers(dest="pipeline", required=True)
    training = pipelines.add_parser("training", help="from trips to a registered model")
    features = pipelines.add_parser("features", help="from trips to fresh features")
    scoring = pipelines.add_parser("scoring", help="a prediction for every trip of a data version")
    for one in (training, features):
        _add_source(one)
    _add_training(training)
    monitoring = pipelines.add_parser("monitoring", help="a look at the windows of predictions that are due")
    scoring.add_argument("--data-version", type=_whole, required=True, help="version of the trips table")
    scoring.add_argument("--model-version", type=_whole, default=0, help="version of the model; 0 is the champion")
    kinds = {
        training: TrainingRequest,
        features: FeaturesRequest,
        scoring: ScoringRequest,
        monitoring: MonitoringRequest,
    }
    for one, kind in kinds.items():
        one.add_argument("--reason", type=_reason, default=None, help="why the run is started; noted with it")
        one.set_defaults(kind=kind)
    given = parser.parse_args(arguments)
    asked = {field.name: getattr(given, field.name) for field in fields(given.kind)}
    return given.kind(**{name: value for name, value in asked.items() if value is not None})


def _add_source(parser: argparse.ArgumentParser) -> None:
    default = FeaturesRequest()
    parser.add_argument("--data", default=default.data, help="synthetic, a path to trip files, tlc:YYYY-MM, or served")
    parser.add_argument("--rows", type=_positive, default=default.rows, help="trips to generate")
    parser.add_argument("--seed", type=int, default=default.seed)


def _add_training(parser: argparse.ArgumentParser) -> None:
    default = TrainingRequest()
    parser.add_argument("--families", type=_families, default=default.families, help=f"of {','.join(FAMILIES)}")
    parser.add_argument("--trials", type=_positive, default=default.trials, help="parameters to try for each family")
    parser.add_argument("--tuning-seconds", type=float, default=default.tuning_seconds, help="for each family")
    parser.add_argument("--device", choices=["cpu", "cuda"], default=default.device)
    forced = "accept in spite of the gate, for this reason; recorded"
    # argparse would hold a default that is text against what a person may write.
    parser.add_argument("--force-reason", type=_reason, default=None, help=forced)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} was given; give a whole number from 0")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} was given; give a whole number from 1")
    return int(text)


def _families(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is no model family; there are {', '.join(FAMILIES)}")
    return names


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("a reason without words was given; write it, or leave the option out")
    return text.strip()


def main() -> int:
    """Run the pipeline that the command line names; returns the exit status."""
    request = parse(sys.argv[1:])
    return answered(lambda: perform(Platform(), request))  # pyright: ignore[reportCallIssue]


def answered(run: Callable[[], dict[str, Any]]) -> int:
    """Run, and print what came of it; returns the exit status."""
    try:
        told = run()
    except Exception as error:
        # The last line of stdout is JSON whatever happens: callers read nothing else.
        told = {"run_id": None, "status": "failed", "failed_step": None, "error": f"{type(error).__name__}: {error}"}
    if told["status"] == "failed":
        sys.stderr.write(f"failed: {told['error']}\n")
    print(json.dumps(told))
    return 0 if told["status"] == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
