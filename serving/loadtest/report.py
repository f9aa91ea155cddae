"""What a load test found, and whether it is good enough. Pure functions of the requests that were sent."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components import thresholds
from serving.loadtest.vegeta import Hit

# With fewer requests than this share of what the rate asks for, the machine was too busy to send them.
_MIN_SENT_SHARE = 0.99


@dataclass(frozen=True, kw_only=True)
class Report:
    """A load test at a fixed arrival rate.

    Attributes:
        rate: Requests per second that were to be sent.
        seconds: For how long.
        requests: How many were sent.
        answered_per_second: Good answers (2xx) per second, from the first request to the last answer.
        p50_milliseconds: Half of the requests took at most this, from the moment they were due to the end of the
            answer, or to the failure. Nearest rank.
        p95_milliseconds: The same for 95 %.
        p99_milliseconds: The same for 99 %.
        max_milliseconds: The slowest request.
        late_milliseconds: How late the load generator itself was at most; it is part of the times above.
        error_share: Share of requests without a good answer.
        statuses: How many requests by status; ``none`` for no answer in time.
    """

    rate: int
    seconds: int
    requests: int
    answered_per_second: float
    p50_milliseconds: float
    p95_milliseconds: float
    p99_milliseconds: float
    max_milliseconds: float
    late_milliseconds: float
    error_share: float
    statuses: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """What a load test must stay within; see docs/product.md."""

    p99_milliseconds: float = thresholds.MAX_LOADTEST_P99_MILLISECONDS
    error_share: float = thresholds.MAX_LOADTEST_ERROR_SHARE


def report(hits: Sequence[Hit], *, rate: int, seconds: int) -> Report:
    """Sum up a load test.

    A request counts from when it was due, not from when the load generator got to send it: a pause of the generator or
    of the machine would else hide the requests that should have been sent meanwhile ("coordinated omission",
    G. Tene, 2013).

    Args:
        hits: At least one request, in the order of sending.
        rate: Requests per second that were to be sent.
        seconds: For how long.
    """
    late = lateness(hits, rate)
    times = sorted(hit.latency + waited for hit, waited in zip(hits, late, strict=True))
    good = sum(hit.good for hit in hits)
    span = max(hit.sent + hit.latency for hit in hits) - hits[0].sent
    return Report(
        rate=rate,
        seconds=seconds,
        requests=len(hits),
        answered_per_second=good / span if span > 0 else 0.0,
        p50_milliseconds=percentile(times, 50) * 1e3,
        p95_milliseconds=percentile(times, 95) * 1e3,
        p99_milliseconds=percentile(times, 99) * 1e3,
        max_milliseconds=times[-1] * 1e3,
        late_milliseconds=max(late) * 1e3,
        error_share=1 - good / len(hits),
        statuses=statuses(hits),
    )


def judge(found: Report, budgets: Budgets) -> list[str]:
    """Why a load test failed: one sentence for each budget that is not met; empty when all are."""
    reasons = []
    due = found.rate * found.seconds
    if found.requests < due * _MIN_SENT_SHARE:
        reasons.append(
            f"only {found.requests} of {due} requests were sent: this machine is too busy for {found.rate} requests/s, "
            "and the figures say little about the service"
        )
    if found.p99_milliseconds > budgets.p99_milliseconds:
        reasons.append(
            f"p99 is {found.p99_milliseconds:.1f} ms at {found.rate} requests/s, allowed are "
            f"{budgets.p99_milliseconds:g} ms"
        )
    if found.error_share > budgets.error_share:
        failed = ", ".join(f"{count} x {status}" for status, count in found.statuses.items() if status[0] != "2")
        reasons.append(
            f"{found.error_share:.2%} of the requests failed ({failed}), allowed are {budgets.error_share:.2%}"
        )
    return reasons


def lateness(hits: Sequence[Hit], rate: int) -> list[float]:
    """Seconds between when each request was due and when it was sent; the most punctual one sets the clock.

    vegeta sends request n when n times the interval have passed, the interval in whole nanoseconds.
    """
    interval = (10**9 // rate) / 1e9
    offsets = [(hit.sent - hits[0].sent) - hit.sequence * interval for hit in hits]
    return [offset - min(offsets) for offset in offsets]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the ordered values that at least ``percent`` % of them do not exceed (nearest rank)."""
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def statuses(hits: Sequence[Hit]) -> dict[str, int]:
    """How many requests by HTTP status, in order; ``none`` for no answer."""
    counted = Counter(str(hit.status) if hit.status else "none" for hit in hits)
    return dict(sorted(counted.items()))
