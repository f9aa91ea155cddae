"""Check that a candidate can serve: a fresh process loads it and calls it with friendly and hostile input."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

# Limits for one prediction of one trip, and for the model folder.
MAX_MEDIAN_MILLISECONDS = 10.0
MAX_MEGABYTES = 50.0
PROBE_SECONDS = 120


class CompatibilityError(RuntimeError):
    """The candidate must not be served; the message lists why, the report has the figures."""


def violations(facts: dict[str, Any]) -> list[str]:
    """What a probe's facts break, in words; empty when the model may serve."""
    found = [f"{name}: {text}" for name, text in facts["failures"].items()]
    if facts["median_milliseconds"] > MAX_MEDIAN_MILLISECONDS:
        took = f"{facts['median_milliseconds']:.1f} ms"
        found.append(f"latency: one trip takes {took} in the median, at most {MAX_MEDIAN_MILLISECONDS} ms allowed")
    if facts["megabytes"] > MAX_MEGABYTES:
        found.append(f"size: the model folder has {facts['megabytes']:.1f} MB, at most {MAX_MEGABYTES} MB allowed")
    return found


def check_compatibility(model: Path, report: Path) -> dict[str, Any]:
    """Probe a model folder in a fresh process and write the report as JSON.

    Args:
        model: Model folder.
        report: JSON file to write: compatible, violations, and the probe's facts.

    Raises:
        CompatibilityError: The model does not load, predicts nonsense, or is too slow or too large.
    """
    facts = _probe(model)
    broken = violations(facts)
    result = {"compatible": not broken, "violations": broken, **facts}
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if broken:
        raise CompatibilityError(f"the model in {model} must not be served: {'; '.join(broken)}; see {report}")
    return result


def _probe(model: Path) -> dict[str, Any]:
    """The facts that a fresh process finds; one failure named ``load`` where it ends badly."""
    command = [sys.executable, "-m", "components.check_compatibility.probe", str(model)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
        failure = done.stderr.strip().splitlines()[-1:] or [f"the process ended with code {done.returncode}"]
    except subprocess.TimeoutExpired:
        done, failure = None, [f"no answer within {PROBE_SECONDS} s"]
    if done is None or done.returncode != 0:
        return {"failures": {"load": failure[0]}, "median_milliseconds": 0.0, "megabytes": 0.0}
    return json.loads(done.stdout)
