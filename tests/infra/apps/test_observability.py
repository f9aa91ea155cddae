"""Dashboards and alerts are whole, ask for metrics that exist, and watch what the network lets Prometheus reach."""

import json
import re

import pytest

from infra.apps import dashboards, openings
from infra.apps.alerts import GROUPS
from infra.apps.monitors import MONITORS, pod_monitor

# Metrics of the parts, by who serves them: those that our own code declares, and those that each project documents.
KNOWN = re.compile(
    r"keelson_serving_\w+|feast_\w+|mlflow_http_\w+|argo_workflows_\w+|resource_manager_workflow_runs_\w+|"
    r"DCGM_FI_DEV_\w+|kube_\w+|kubelet_volume_stats_\w+|container_\w+|karpenter_\w+|"
    r"externalsecret_status_condition|certmanager_certificate_expiration_timestamp_seconds"
)
FUNCTIONS = {"sum", "rate", "by", "le", "histogram_quantile", "increase", "max", "avg", "avg_over_time", "time"}


def names(query: str) -> set[str]:
    """Metric names in a query: words outside of braces, quotes, brackets and label lists."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|by \([^)]*\)", " ", query)
    return set(re.findall(r"[A-Za-z_:][\w:]*", bare)) - FUNCTIONS


def queries() -> list[str]:
    drawn = [
        query for one in dashboards.DASHBOARDS.values() for panel in one.panels for query in panel.queries.values()
    ]
    return drawn + [rule["expr"] for rules in GROUPS.values() for rule in rules]


@pytest.mark.parametrize("query", queries())
def test_a_query_asks_for_known_metrics_only(query: str) -> None:
    assert names(query)
    assert all(KNOWN.fullmatch(name) for name in names(query)), names(query)


@pytest.mark.parametrize("query", queries())
def test_brackets_of_a_query_are_closed(query: str) -> None:
    for opening, closing in ("()", "{}", "[]"):
        assert query.count(opening) == query.count(closing)


def test_metrics_of_our_own_service_are_those_that_it_declares() -> None:
    from serving import metrics

    declared = {
        f"{name}{suffix}"
        for one in (metrics.REQUESTS, metrics.REQUEST_SECONDS, metrics.FEATURE_SECONDS, metrics.MISSING_FEATURES)
        for name, suffix in [(one._name, ending) for ending in ("_total", "_bucket")]
    } | {f"{metrics.PREDICTIONS._name}_total"}
    asked = {name for query in queries() for name in names(query) if name.startswith("keelson_")}
    assert asked
    assert asked <= declared


@pytest.mark.parametrize("title", dashboards.DASHBOARDS)
def test_a_dashboard_is_what_grafana_reads(title: str) -> None:
    made = json.loads(json.dumps(dashboards.grafana(title, dashboards.DASHBOARDS[title])))
    assert made["uid"] == f"keelson-{title}"
    ids = [panel["id"] for panel in made["panels"]]
    assert len(ids) == len(set(ids))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made["panels"]]
    assert len(places) == len(set(places))
    assert all(panel["targets"] for panel in made["panels"])


def test_every_alert_says_what_is_wrong_and_how_bad() -> None:
    alerts = [rule for rules in GROUPS.values() for rule in rules]
    assert len({one["alert"] for one in alerts}) == len(alerts)
    for one in alerts:
        assert one["labels"]["severity"] in {"warning", "critical"}
        assert one["annotations"]["summary"]


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda one: one.name)
def test_prometheus_may_reach_what_it_is_told_to_scrape(monitor: object) -> None:
    namespace, port = monitor.namespace, monitor.port  # type: ignore[attr-defined]
    if namespace == "kube-system":
        return
    allowed = {
        opened
        for one in openings.OPENINGS
        if one.source == openings.PROMETHEUS and isinstance(one.target, openings.Pods)
        for opened in one.ports
        if one.target.namespace == namespace
    }
    assert port in allowed


def test_a_monitor_finds_its_pods_by_namespace_and_label_and_its_port_by_number() -> None:
    (argo,) = [one for one in MONITORS if one.name == "workflow-controller"]
    spec = pod_monitor(argo)
    assert spec["namespaceSelector"] == {"matchNames": ["kubeflow"]}
    assert spec["selector"] == {"matchLabels": {"app": "workflow-controller"}}
    assert spec["podMetricsEndpoints"] == [{"portNumber": 9090, "path": "/metrics"}]
