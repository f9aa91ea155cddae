"""Rules and dashboards ask for metrics that somebody serves."""

import re

import pytest

from infra.observability import rules
from infra.observability.dashboards import DASHBOARDS
from infra.observability.metrics import MONITOR

# Metrics of the parts, by who serves them: those that our own code declares, and those that each project documents.
KNOWN = re.compile(
    r"keelson_\w+|feast_\w+|ALERTS|process_\w+|scrape_duration_seconds|mlflow_http_\w+|argo_workflows_\w+|resource_manager_workflow_runs_\w+|rollout_info|"
    r"DCGM_FI_DEV_\w+|kube_\w+|kubelet_volume_stats_\w+|container_\w+|node_filesystem_\w+|karpenter_\w+|"
    r"otelcol_exporter_\w+|externalsecret_status_condition|certmanager_certificate_expiration_timestamp_seconds|"
    r"objective:errors:ratio_rate\w+|stack:cost_dollars_month:sum|up|prometheus_rule_\w+|prometheus_config_\w+|alertmanager_notifications_\w+"
)
WORDS = set(
    "sum rate by le histogram_quantile increase max min avg count avg_over_time sum_over_time vector time or and on "
    "group_left".split()
)


def names(query: str) -> set[str]:
    """Metric names in a query: words outside of braces, quotes, brackets and label lists."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on|group_left) \([^)]*\)", " ", query)
    return set(re.findall(r"[A-Za-z_:][\w:]*", bare)) - WORDS


def queries() -> list[str]:
    drawn = [query for one in DASHBOARDS.values() for panel in one.panels for query in panel.queries.values()]
    return drawn + [rule.query for group in rules.of_cluster(250) for rule in group.rules]


@pytest.mark.parametrize("query", queries())
def test_a_query_asks_for_known_metrics_only(query: str) -> None:
    assert names(query)
    assert [name for name in names(query) if not KNOWN.fullmatch(name)] == []


def test_metrics_of_our_own_parts_are_those_that_they_serve() -> None:
    from prometheus_client import Counter, Histogram

    from serving import metrics

    declared = set(MONITOR)
    for one in vars(metrics).values():
        if isinstance(one, Counter):
            declared.add(f"{one._name}_total")
        elif isinstance(one, Histogram):
            declared |= {f"{one._name}_{ending}" for ending in ("bucket", "count", "sum")}
    asked = {name for query in queries() for name in names(query) if name.startswith("keelson_")}
    assert asked >= MONITOR
    assert asked <= declared
