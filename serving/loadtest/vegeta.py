"""The load generator: vegeta, a Go program (https://github.com/tsenart/vegeta).

Its version is pinned in ``infra/tools``; ``make loadtest`` and ``make bench-serving`` get it and put it on PATH.
"""

import csv
import io
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# A request without an answer by then is an error.
TIMEOUT_SECONDS = 10
_NANOSECONDS = 1e9


class LoadError(RuntimeError):
    """No load could be sent; the message says why in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One request as vegeta saw it.

    Attributes:
        sequence: Place in the order of sending, from 0.
        sent: Seconds since 1970.
        latency: Seconds from sending to the last byte of the answer, or to the failure.
        status: HTTP status; 0 where there was no answer.
        retry_after: Whether the answer has the header ``Retry-After``.
    """

    sequence: int
    sent: float
    latency: float
    status: int
    retry_after: bool = False

    @property
    def good(self) -> bool:
        """Whether the answer is what was asked for."""
        return 200 <= self.status < 300


def attack_at(rate: int, seconds: int, targets: Path) -> list[Hit]:
    """Send ``rate`` requests per second, whether or not earlier ones are answered (open model).

    Args:
        rate: Requests per second.
        seconds: For how long.
        targets: As ``requests.write_targets`` writes it; from its end it is read again.

    Returns:
        All requests in the order of sending.

    Raises:
        LoadError: vegeta failed, or is not on PATH.
    """
    # Without a limit of workers a slow answer never delays the next request.
    return _attack(["-rate", f"{rate}/1s", "-duration", f"{seconds}s"], targets)


def attack_from(clients: int, seconds: float, targets: Path) -> list[Hit]:
    """Let ``clients`` send a request each as soon as their last one is answered (closed model); else as ``attack_at``.

    The rate follows the server, so this finds the most that it can do, and says nothing about waiting.
    """
    workers = ["-workers", str(clients), "-max-workers", str(clients), "-connections", str(clients)]
    return _attack(["-rate", "0", "-duration", f"{seconds}s", *workers], targets)


def _attack(how: Sequence[str], targets: Path) -> list[Hit]:
    with tempfile.TemporaryDirectory(prefix="keelson-load-") as folder:
        results = Path(folder) / "results"
        command = ["attack", "-format", "json", "-targets", str(targets), "-output", str(results), "-max-body", "0"]
        _run([*command, "-timeout", f"{TIMEOUT_SECONDS}s", *how])
        text = _run(["encode", "-to", "csv", str(results)])
    return sorted((_hit(row) for row in csv.reader(io.StringIO(text, newline=""))), key=lambda hit: hit.sequence)


def _run(arguments: Sequence[str]) -> str:
    program = shutil.which("vegeta")
    if program is None:
        raise LoadError("vegeta is not on PATH; `make loadtest` gets it first")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise LoadError(f"vegeta {arguments[0]} failed with exit status {done.returncode}: {last}")
    return done.stdout


def _hit(row: Sequence[str]) -> Hit:
    """One line of ``vegeta encode -to csv``; its manual names the columns."""
    sent, status, latency = int(row[0]), int(row[1]), int(row[2])
    return Hit(
        sequence=int(row[8]),
        sent=sent / _NANOSECONDS,
        latency=latency / _NANOSECONDS,
        status=status,
        retry_after=b"\r\nretry-after:" in b"\r\n" + b64decode(row[11]).lower(),
    )
