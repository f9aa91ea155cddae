"""Every panel's query and every rule, asked on the Prometheus of a running stack."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, insert

from infra.observability import rules
from infra.observability.dashboards import DASHBOARDS
from infra.observability.metrics import Where
from infra.observability.rules import Alert
from monitoring.state_tables import ALL, WINDOWS, Measures

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


def series(url: str, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers; fails with its words when it does not understand the query."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=60)
    assert answer.status_code == 200, f"{query}: {answer.text}"
    return answer.json()["data"]["result"]


def keep_a_measured_window(stack: Any) -> None:
    """Nobody has asked a new stack for a day, so what the monitor has measured of it is nothing."""
    now = datetime.now(UTC)
    shown = Measures(
        drifted_share=0.1,
        prediction_drift=0.05,
        feature_drift={"trip_distance": 0.05},
        feature_drifted={"trip_distance": 0},
        mae_seconds={ALL: 200},
        mae_reference_seconds={ALL: 210},
        label_coverage=0.95,
        labelled_rows=1800,
        training_serving_skew=0,
    )
    said = {"model_version": "1", "reference_version": "", "outcome": "calm", "rows": 1900, "action": "nothing"}
    said |= {"reason": "", "evidence": [], "shift": "", "gain": 0, "result": "{}"}
    kept = insert(WINDOWS).values(start=now - timedelta(hours=1), end=now, measures=shown.model_dump(), **said)
    engine = create_engine(stack.platform()["KEELSON_PIPELINES_DATABASE"])
    with engine.execution_options(schema_translate_map={None: "monitor"}).begin() as connection:
        connection.execute(kept)


def test_prometheus_understands_every_query_and_finds_series_for_all_that_the_stack_has(stack: Any) -> None:
    keep_a_measured_window(stack)
    url = stack.platform()["KEELSON_PROMETHEUS_URL"]
    assert stack.predict().status_code == 200
    wanted = {query for query, where in queries().items() if where is Where.EVERYWHERE}
    assert len(wanted) > 30
    for query in {*queries(), *whole_rules()}:
        series(url, query)
    # A rate needs two scrapes, and a rule on it one more evaluation.
    deadline = time.monotonic() + 300
    while missing := sorted(query for query in wanted if not series(url, query)):
        assert time.monotonic() < deadline, f"no series for {missing}"
        time.sleep(2)


def test_every_rule_is_evaluated_without_an_error(stack: Any) -> None:
    def health() -> dict[str, str]:
        answer = httpx.get(f"{stack.platform()['KEELSON_PROMETHEUS_URL']}/api/v1/rules", timeout=60).json()
        return {
            f"{rule['name']} {rule.get('labels')}": rule["health"]
            for group in answer["data"]["groups"]
            for rule in group["rules"]
        }

    expected = sum(len(group.rules) for group in rules.of_local_stack())
    stack.eventually(lambda: list(health().values()) == ["ok"] * expected)
    assert list(health().values()) == ["ok"] * expected
