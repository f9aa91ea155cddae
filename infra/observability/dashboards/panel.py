"""Panels and dashboards as typed values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.observability.metrics import Where

Unit = Literal["short", "s", "reqps", "percentunit", "percent", "bytes", "decmbytes", "currencyUSD", "celsius", "watt"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One graph, or the newest values alone.

    Attributes:
        unit: Grafana's name of it.
        queries: PromQL by legend.
        shows: ``now`` shows the newest values, ``course`` how they went.
        where: On which stacks the queries find series.
    """

    title: str
    unit: Unit
    queries: Mapping[str, str]
    shows: Literal["course", "now"] = "course"
    where: Where = Where.EVERYWHERE


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One page of panels; ``purpose`` says which question it answers."""

    title: str
    purpose: str
    panels: Sequence[Panel]


def quantile(metric: str, share: float, by: str = "") -> str:
    """Query for a quantile of a histogram over five minutes, for each value of the label ``by``."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket[5m])))"


def of_cluster(title: str, unit: Unit, queries: Mapping[str, str]) -> Panel:
    """A panel whose metrics only a cluster has."""
    return Panel(title=title, unit=unit, queries=queries, where=Where.CLUSTER)
