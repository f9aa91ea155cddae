"""``python -m pipelines.overhead``: what running the steps as a pipeline costs over calling them as functions.

Runs the training pipeline with an empty cache, then the same steps as plain functions in one process with another
seed, so that both write a data version and a model version. Prints both times and their ratio as one JSON line; the
processor times beside them tell how far other work on the machine disturbed the measurement.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from components.platform import Platform
from pipelines.requests import DEFAULT_ROWS, DEFAULT_SEED, TrainingRequest
from pipelines.training import FAMILIES

Result = TypeVar("Result")


class Stopwatch:
    """Seconds of named calls, the imports that they cause included."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def call(self, name: str, function: Callable[[], Result]) -> Result:
        """Call a function and note its time."""
        start = time.perf_counter()
        result = function()
        self.seconds[name] = time.perf_counter() - start
        return result


def plain(platform: Platform, rows: int, seed: int, folder: Path) -> dict[str, float]:
    """Call the steps of the training pipeline one after another in this process.

    Args:
        platform: Where they read and write.
        rows: Synthetic trips.
        seed: Seed of every random choice.
        folder: For files between steps.

    Returns:
        Seconds of each step.
    """
    watch = Stopwatch()
    trips = watch.call("ingest", lambda: _ingest(platform, rows, seed, folder))
    version = trips.data_version
    watch.call("validate", lambda: _validate(platform, version, folder))
    watch.call("profile", lambda: _profile(platform, version, folder))
    watch.call("detect_skew", lambda: _detect_skew(platform, version, folder))
    built = watch.call("build_features", lambda: _build_features(platform, version, folder))
    watch.call("materialize", lambda: _materialize(platform, built))
    watch.call("check_parity", lambda: _check_parity(platform, built, folder))
    watch.call("split", lambda: _split(folder))
    for family in FAMILIES:
        watch.call(f"tune.{family}", lambda family=family: _tune(platform, folder, family, seed))
        watch.call(f"train.{family}", lambda family=family: _train(folder, family, seed))
    watch.call("select", lambda: _select(folder))
    watch.call("evaluate", lambda: _evaluate(folder))
    watch.call("explain", lambda: _explain(folder))
    watch.call("check_compatibility", lambda: _check(folder))
    watch.call("compare", lambda: _compare(platform, folder))
    watch.call("register", lambda: _register(platform, folder, rows, seed, version))
    return watch.seconds


def _ingest(platform: Platform, rows: int, seed: int, folder: Path) -> Any:
    from components.ingest import step

    report, page = folder / "ingest.json", folder / "ingest.html"
    return step.ingest(platform, "synthetic", rows, seed, report=report, page=page, now=datetime.now(UTC))


def _validate(platform: Platform, version: int, folder: Path) -> Any:
    from components.validate import step

    files = {"report_file": folder / "validate.json", "page_file": folder / "validate.html"}
    return step.validate(platform, data_version=version, **files)


def _profile(platform: Platform, version: int, folder: Path) -> Any:
    from components.profile import step

    files: dict[str, Any] = {"summary_file": folder / "profile.json", "page_file": folder / "profile.html"}
    return step.profile(platform, data_version=version, **files)


def _detect_skew(platform: Platform, version: int, folder: Path) -> Any:
    from components.detect_skew import step

    files: dict[str, Any] = {"report_file": folder / "skew", "page_file": folder / "skew.html"}
    return step.detect_skew(platform, data_version=version, **files)


def _build_features(platform: Platform, version: int, folder: Path) -> Any:
    from components.build_features import step

    return step.build_features(platform, version, folder / "features")


def _materialize(platform: Platform, built: Any) -> Any:
    from components.materialize import step

    return step.materialize(platform, built.zone_features_version, built.pair_features_version, built.feature_end)


def _check_parity(platform: Platform, built: Any, folder: Path) -> Any:
    from components.check_parity import step

    versions = built.zone_features_version, built.pair_features_version
    return step.check_parity(platform, *versions, built.feature_end, folder / "parity")


def _split(folder: Path) -> Any:
    from components.split import step

    return step.split(folder / "features", folder / "train", folder / "validation", folder / "test")


def _tune(platform: Platform, folder: Path, family: str, seed: int) -> Any:
    from components.tune import step

    files = folder / "train", folder / "validation", folder / f"{family}.json"
    default = TrainingRequest()
    budget = {"trials": default.trials, "seconds": default.tuning_seconds}
    return step.tune(platform, *files, family=family, seed=seed, **budget, study=str(folder))


def _train(folder: Path, family: str, seed: int) -> Any:
    from components.train import step

    files = folder / "train", folder / "validation", folder / f"{family}.json", folder / family
    return step.train(*files, family=family, seed=seed, device="cpu")


def _select(folder: Path) -> Any:
    from components.select import step

    models = [folder / family for family in FAMILIES]
    return step.select(models, folder / "validation", folder / "model", folder / "selection")


def _evaluate(folder: Path) -> Any:
    from components.evaluate import step

    files = folder / "model", folder / "train", folder / "test", folder / "metrics", folder / "metrics_page"
    return step.evaluate(*files)


def _explain(folder: Path) -> Any:
    from components.explain import step

    return step.explain(folder / "model", folder / "test", folder / "importances", folder / "importances_page")


def _check(folder: Path) -> Any:
    from components.check_compatibility import step

    return step.check_compatibility(folder / "model", folder / "compatibility")


def _compare(platform: Platform, folder: Path) -> Any:
    from components.compare import step

    names = ("model", "test", "metrics", "compatibility", "verdict", "verdict_page")
    return step.compare(platform, *(folder / name for name in names))


def _register(platform: Platform, folder: Path, rows: int, seed: int, version: int) -> Any:
    from components.recording import Candidate
    from components.register import step

    names = ("model", "metrics", "verdict", "compatibility", "importances", "skew", "selection")
    pages = ("metrics_page", "verdict_page", "importances_page")
    files: dict[str, Any] = {name: folder / name for name in (*names, *pages)}
    origin: dict[str, Any] = {"source": "synthetic", "rows": rows, "seed": seed, "data_version": version, "commit": ""}
    candidate = Candidate(run=f"plain-{datetime.now(UTC):%Y%m%d-%H%M%S}", **origin, **files)
    return step.register(platform, candidate, close=True)


def measure(rows: int, seed: int) -> dict[str, Any]:
    """Times of the pipeline and of the plain calls, each in fresh processes, and their ratio."""
    with tempfile.TemporaryDirectory() as root:
        # An empty pipeline root is an empty cache.
        environment = os.environ | {"KEELSON_PIPELINE_ROOT": root}
        command = [sys.executable, "-m", "pipelines.run", "training", "--rows", str(rows), "--seed", str(seed)]
        start, used = time.perf_counter(), _processor_seconds()
        run = json.loads(_output(command, environment))
        wall, pipeline_used = time.perf_counter() - start, _processor_seconds() - used
        steps = json.loads(_output([sys.executable, "-m", "pipelines.overhead", "plain", str(rows), str(seed + 1)]))
        plain_used = _processor_seconds() - used - pipeline_used
    total = sum(steps.values())
    return {
        "pipeline_seconds": round(wall, 2),
        "plain_seconds": round(total, 2),
        "ratio": round(wall / total, 2),
        "pipeline_processor_seconds": round(pipeline_used, 2),
        "plain_processor_seconds": round(plain_used, 2),
        "pipeline_steps": run["seconds"],
        "plain_steps": {name: round(seconds, 2) for name, seconds in steps.items()},
    }


def _processor_seconds() -> float:
    """Processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    """The last line that a command prints; its messages go to stderr."""
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]


def main() -> None:
    """Measure; with ``plain ROWS SEED`` only make the plain calls and print their times."""
    if sys.argv[1:2] == ["plain"]:
        with tempfile.TemporaryDirectory() as folder:
            rows, seed = int(sys.argv[2]), int(sys.argv[3])
            print(json.dumps(plain(Platform(), rows, seed, Path(folder))))  # pyright: ignore[reportCallIssue]
        return
    print(json.dumps(measure(DEFAULT_ROWS, DEFAULT_SEED)))


if __name__ == "__main__":
    main()
