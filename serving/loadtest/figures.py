"""The benchmark's figures, out of the requests that were sent. Pure functions."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from serving.loadtest.report import percentile
from serving.loadtest.vegeta import Hit


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """What one server did in one round at its own pace.

    Attributes:
        per_second: Good answers per second.
        p50_milliseconds: Of all requests, from sending to the end of the answer.
        p99_milliseconds: The same for 99 %.
        failed: Requests without a good answer.
    """

    per_second: float
    p50_milliseconds: float
    p99_milliseconds: float
    failed: int


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure over the rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Overload:
    """What a server did with more requests than it can answer.

    Attributes:
        sent_per_second: Requests per second that the load generator managed to send.
        good: Requests with a good answer.
        shed: Requests refused as they should be: 429, or 503 with ``Retry-After``.
        wrong: Any other answer, above all a 5xx.
        unanswered: No answer in time, or no connection.
    """

    sent_per_second: float
    good: int
    shed: int
    wrong: int
    unanswered: int


def throughput(hits: Sequence[Hit]) -> Throughput:
    """Sum up one round; there must be at least one request."""
    times = sorted(hit.latency for hit in hits)
    good = sum(hit.good for hit in hits)
    span = max(hit.sent + hit.latency for hit in hits) - hits[0].sent
    return Throughput(
        per_second=good / span,
        p50_milliseconds=percentile(times, 50) * 1e3,
        p99_milliseconds=percentile(times, 99) * 1e3,
        failed=len(hits) - good,
    )


def spread(values: Sequence[float]) -> Spread:
    """Median, least and most."""
    return Spread(median=statistics.median(values), least=min(values), most=max(values))


def ratio(ours: Sequence[Throughput], theirs: Sequence[Throughput]) -> Spread:
    """Ours over theirs, round by round: what slows one round slows both servers in it."""
    return spread([one.per_second / other.per_second for one, other in zip(ours, theirs, strict=True)])


def overload(hits: Sequence[Hit]) -> Overload:
    """Sum up a flood of requests."""
    good = sum(hit.good for hit in hits)
    shed = sum(hit.status == 429 or (hit.status == 503 and hit.retry_after) for hit in hits)
    unanswered = sum(hit.status == 0 for hit in hits)
    span = hits[-1].sent - hits[0].sent
    return Overload(
        sent_per_second=len(hits) / span if span > 0 else 0.0,
        good=good,
        shed=shed,
        wrong=len(hits) - good - shed - unanswered,
        unanswered=unanswered,
    )
