"""A load test of a running service."""

import tempfile
from pathlib import Path

import httpx

from serving.loadtest.report import Report, report
from serving.loadtest.requests import trips, write_targets
from serving.loadtest.vegeta import LoadError, attack_at

RATE, SECONDS = 50, 30


def run(url: str, rate: int = RATE, seconds: int = SECONDS) -> Report:
    """Send trips to a service at a fixed rate; nothing is judged here.

    Args:
        url: Address of the service, such as ``http://127.0.0.1:3000``.
        rate: Requests per second, one trip each.
        seconds: For how long.

    Raises:
        LoadError: The service cannot be reached or does not answer a trip, or the load generator failed or is missing.
        ValueError: The rate or the time is not positive.
    """
    if rate < 1 or seconds < 1:
        raise ValueError(f"rate and seconds must be at least 1, given are {rate} and {seconds}")
    endpoint = f"{url.rstrip('/')}/predict"
    bodies = trips()
    _ask_once(endpoint, bodies[0])
    with tempfile.TemporaryDirectory(prefix="keelson-load-") as folder:
        targets = Path(folder) / "targets"
        write_targets(endpoint, bodies, targets)
        hits = attack_at(rate, seconds, targets)
    if not hits:
        raise LoadError(f"no request was sent to {endpoint} in {seconds} s; the machine may be too busy")
    return report(hits, rate=rate, seconds=seconds)


def _ask_once(endpoint: str, body: object) -> None:
    """A service that is down or answers nonsense is told of at once, not after the test."""
    try:
        answer = httpx.post(endpoint, json=body, timeout=10, trust_env=False)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise LoadError(f"no answer from {endpoint}: {error}; `make status` shows what is running") from None
    if answer.is_error:
        raise LoadError(f"{endpoint} answered {answer.status_code} to one trip: {answer.text[:200]}")
