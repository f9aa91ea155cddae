"""Prometheus watches what the network lets it reach."""

import pytest

from infra.apps import openings
from infra.apps.monitors import MONITORS, pod_monitor


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
