"""Every panel's query and every rule, asked on the Prometheus of a running stack."""

import time
from typing import Any

import httpx
import pytest

from infra.observability import rules
from infra.observability.dashboards import DASHBOARDS
from infra.observability.metrics import Where
from infra.observability.rules import Alert

pytestmark = pytest.mark.stack


def queries() -> dict[str, Where]:
    """Each query, and where it finds series; of an alert what it measures, as it is silent when all is well."""
    asked = {
        query: panel.where
        for dashboard in DASHBOARDS.values()
        for panel in dashboard.panels
        for query in panel.queries.values()
    }
    for group in rules.of_cluster(monthly_budget=100):
        for rule in group.rules:
            asked[rule.measure if isinstance(rule, Alert) else rule.query] = rule.where
    return asked


def whole_rules() -> list[str]:
    return [rule.query for group in rules.of_cluster(monthly_budget=100) for rule in group.rules]


def has_series_here(query: str, where: Where) -> bool:
    return where is Where.EVERYWHERE


def series(url: str, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers; fails with its words when it does not understand the query."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=20)
    assert answer.status_code == 200, f"{query}: {answer.text}"
    return answer.json()["data"]["result"]


def test_prometheus_understands_every_query_and_finds_series_for_all_that_the_stack_has(stack: Any) -> None:
    url = stack.platform()["KEELSON_PROMETHEUS_URL"]
    assert stack.predict().status_code == 200
    wanted = {query for query, where in queries().items() if has_series_here(query, where)}
    assert len(wanted) > 30
    for query in {*queries(), *whole_rules()}:
        series(url, query)
    # A rate needs two scrapes, and a rule on it one more evaluation.
    deadline = time.monotonic() + 90
    while missing := sorted(query for query in wanted if not series(url, query)):
        assert time.monotonic() < deadline, f"no series for {missing}"
        time.sleep(2)


def test_every_rule_is_evaluated_without_an_error(stack: Any) -> None:
    def health() -> dict[str, str]:
        answer = httpx.get(f"{stack.platform()['KEELSON_PROMETHEUS_URL']}/api/v1/rules", timeout=20).json()
        return {
            f"{rule['name']} {rule.get('labels')}": rule["health"]
            for group in answer["data"]["groups"]
            for rule in group["rules"]
        }

    expected = sum(len(group.rules) for group in rules.of_local_stack())
    stack.eventually(lambda: list(health().values()) == ["ok"] * expected, 60)
    assert list(health().values()) == ["ok"] * expected
