"""Prometheus watches what the network lets it reach."""

import pytest

from infra.apps import openings
from infra.apps.monitors import MONITORS, pod_monitor
from infra.apps.observability import values
from infra.settings.cloud import STACKS, CloudSettings


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda one: one.name)
def test_prometheus_may_reach_what_it_is_told_to_scrape(monitor: object) -> None:
    namespace, port = monitor.namespace, monitor.port  # type: ignore[attr-defined]
    ends = [one for one in openings.OPENINGS if isinstance(one.target, openings.Pods)]
    reached = [one for one in ends if one.target.namespace == namespace]
    named = {opened for one in reached if one.source == openings.PROMETHEUS for opened in one.ports}
    # Prometheus' own namespace is open within.
    within = any(not one.ports and one.source == one.target for one in reached) and namespace == "monitoring"
    assert port in named or within


def test_a_monitor_finds_its_pods_by_namespace_and_label_and_its_port_by_number() -> None:
    (argo,) = [one for one in MONITORS if one.name == "workflow-controller"]
    spec = pod_monitor(argo)
    assert spec["namespaceSelector"] == {"matchNames": ["kubeflow"]}
    assert spec["selector"] == {"matchLabels": {"app": "workflow-controller"}}
    assert spec["podMetricsEndpoints"] == [{"portNumber": 9090, "path": "/metrics"}]


def prod(*, told: bool) -> CloudSettings:
    return CloudSettings.model_validate({"stack": "prod", **STACKS["prod"], "alert-webhook": told})


def test_alerts_go_to_the_address_in_the_secret_when_the_stack_says_so() -> None:
    told, shown = (values(prod(told=one))["alertmanager"] for one in (True, False))
    receivers = {one["name"]: one.get("webhook_configs", []) for one in told["config"]["receivers"]}
    assert receivers["critical"][0]["url_file"] == "/etc/alertmanager/secrets/alert-webhook/url"
    assert receivers["shown"] == []
    assert told["alertmanagerSpec"]["secrets"] == ["alert-webhook"]
    assert not any("webhook_configs" in one for one in shown["config"]["receivers"])
    assert "secrets" not in shown["alertmanagerSpec"]


def test_alertmanager_is_let_out_only_when_somebody_is_told() -> None:
    def ways_out(told: bool) -> list[openings.Opening]:
        opened = openings.of_stack(prod(told=told))
        return [one for one in opened if one.source == openings.ALERTMANAGER]

    assert ways_out(False) == []
    (out,) = ways_out(True)
    assert out.ports == (443,)
