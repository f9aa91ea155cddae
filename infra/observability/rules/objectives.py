"""Service objectives, and alerts on how fast their error budgets burn.

Several windows and burn rates, as The Site Reliability Workbook (Google, 2018), chapter 5 "Alerting on SLOs",
section 6 and table 5-8, recommends: the long window says that enough of the budget is gone, the short one, a twelfth
of it, that it goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.observability.rules.rule import Alert, Group, Recording, Severity


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A share of requests that must be good, over 30 days.

    Attributes:
        title: Beginning of its alerts' names.
        share: Of good requests.
        bad: Bad requests a second; ``{window}`` stands for the range.
        total: All requests a second, likewise.
        broken: What an alert says is wrong.
    """

    name: str
    title: str
    share: float
    bad: str
    total: str
    broken: str

    @property
    def budget(self) -> float:
        """Share of requests that may be bad."""
        return round(1 - self.share, 6)

    def errors(self, window: str) -> str:
        """The recorded share of bad requests over ``window``."""
        return f'{_record(window)}{{objective="{self.name}"}}'


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """So many times faster than allowed, in both windows."""

    times: float
    long: str
    short: str


_REQUESTS = "sum(rate(keelson_serving_requests_total[{window}]))"
_TIMED = "sum(rate(keelson_serving_request_seconds_count[{window}]))"

OBJECTIVES: tuple[Objective, ...] = (
    Objective(
        name="serving-availability",
        title="ServingAvailability",
        share=0.999,
        # Without a failure there is no series of failures, and then there are none.
        bad=f'(sum(rate(keelson_serving_requests_total{{{{status=~"5.."}}}}[{{window}}])) or 0 * {_REQUESTS})',
        total=_REQUESTS,
        broken="predictions fail",
    ),
    Objective(
        name="serving-latency",
        title="ServingLatency",
        share=0.99,
        bad=f'({_TIMED} - sum(rate(keelson_serving_request_seconds_bucket{{{{le="0.25"}}}}[{{window}}])))',
        total=_TIMED,
        broken="predictions take longer than 250 ms",
    ),
)

# Of a budget for 30 days, 2 % in an hour and 5 % in six hours call somebody; 10 % in three days is work to plan.
FAST = (BurnRate(times=14.4, long="1h", short="5m"), BurnRate(times=6, long="6h", short="30m"))
SLOW = (BurnRate(times=1, long="3d", short="6h"),)
WINDOWS = ("5m", "30m", "1h", "6h", "3d")


def groups() -> tuple[Group, ...]:
    """The recorded shares of bad requests, and the alerts on them."""
    recordings = [_recording(objective, window) for objective in OBJECTIVES for window in WINDOWS]
    alerts = [alert for objective in OBJECTIVES for alert in _alerts(objective)]
    return (Group(name="objectives", rules=recordings), Group(name="error-budgets", rules=alerts))


def _record(window: str) -> str:
    return f"objective:errors:ratio_rate{window}"


def _recording(objective: Objective, window: str) -> Recording:
    bad, total = (text.format(window=window) for text in (objective.bad, objective.total))
    return Recording(name=_record(window), query=f"{bad} / {total}", labels={"objective": objective.name})


def _alerts(objective: Objective) -> tuple[Alert, Alert]:
    return (
        _alert(objective, "Fast", FAST, "critical", "so often that the month's error budget is gone within days"),
        _alert(objective, "Slow", SLOW, "warning", "more often than the month's error budget allows"),
    )


def _alert(objective: Objective, speed: str, rates: Sequence[BurnRate], severity: Severity, how: str) -> Alert:
    conditions = [
        f"{objective.errors(window)} > {rate.times * objective.budget:.6g}"
        for rate in rates
        for window in (rate.long, rate.short)
    ]
    pairs = [f"{long} and {short}" for long, short in zip(conditions[::2], conditions[1::2], strict=True)]
    measure = objective.errors(rates[0].long)
    return Alert(
        name=f"{objective.title}{speed}Burn",
        measure=measure,
        condition=" or ".join(pairs).removeprefix(measure).strip(),
        # The windows are the wait.
        minutes=0,
        severity=severity,
        summary=f"{objective.broken[0].upper()}{objective.broken[1:]} {how}",
    )
