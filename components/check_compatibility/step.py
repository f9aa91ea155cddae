"""Check that a candidate can serve: its bundle is built and called in the bundle's own environment."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECK_SECONDS = 300

# Components import nothing of serving: the check is a program of its own, started where both packages are.
_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = "serving.check"


class CompatibilityError(RuntimeError):
    """The candidate must not be served; the message says why."""


def check_compatibility(model: Path, report: Path) -> dict[str, Any]:
    """Build the bundle of a model folder, call it in its own environment, and write what was found as JSON.

    Figures are reported and not judged: the gate does that, beside all else that it knows about the candidate.

    Args:
        model: Model folder.
        report: JSON file to write: load_seconds, median_milliseconds and p99_milliseconds of one trip,
            resident_megabytes of the serving process, megabytes of the model folder, model_sha256, and packages
            (version by name, all that the bundle pins).

    Raises:
        CompatibilityError: The model does not load, needs another version of a package than the bundle has, or
            answers wrongly.
    """
    found = _ask(model)
    failures: dict[str, str] = found.pop("failures")
    if failures:
        wrong = "; ".join(f"{name}: {text}" for name, text in failures.items())
        raise CompatibilityError(f"the model in {model} must not be served: {wrong}")
    report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


def _ask(model: Path) -> dict[str, Any]:
    """What the program finds, or CompatibilityError where it ends without."""
    command = [sys.executable, "-m", _PROGRAM, str(model.resolve())]
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CompatibilityError(f"the check of the model in {model} did not end within {CHECK_SECONDS} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"the check ended with code {done.returncode}"])[-1]
        raise CompatibilityError(f"the model in {model} must not be served: {said}")
    return json.loads(done.stdout.splitlines()[-1])
