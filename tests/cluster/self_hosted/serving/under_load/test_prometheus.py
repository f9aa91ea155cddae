"""Prometheus evaluates the rules of the stack, and has what its dashboards and alerts ask for."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.observability import rules
from infra.observability.dashboards import DASHBOARDS
from infra.observability.metrics import Where
from infra.observability.rules import Alert

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]

_SEEN_SECONDS = 300
# The local stack has their servers too; here their own monitors come with the chart.
OF_CHARTS = r"\b(prometheus|alertmanager)_"
# Nobody has asked a new stack for a day, so what the monitor has measured of it is nothing.
MEASURED = """
from datetime import UTC, datetime, timedelta
from sqlalchemy import insert
from components.database import open_engine
from components.platform import Platform
from monitoring.state_tables import ALL, WINDOWS, Measures
now = datetime.now(UTC)
shown = Measures(drifted_share=0.1, prediction_drift=0.05, feature_drift={"trip_distance": 0.05},
    feature_drifted={"trip_distance": 0}, mae_seconds={ALL: 200}, mae_reference_seconds={ALL: 210}, label_coverage=0.95,
    labelled_rows=1800, training_serving_skew=0)
said = {"model_version": "1", "reference_version": "", "outcome": "calm", "rows": 1900, "action": "nothing"}
said |= {"reason": "", "evidence": [], "shift": "", "gain": 0, "result": "{}"}
kept = insert(WINDOWS).values(start=now - timedelta(hours=1), end=now, measures=shown.model_dump(), **said)
engine = open_engine(Platform()).execution_options(schema_translate_map={None: "monitor"})
with engine.begin() as connection:
    connection.execute(kept)
"""


def test_prometheus_has_every_rule_of_the_stack_and_evaluates_it(
    serving: Any, applied: Mapping[str, Manifest], eventually: Callable[..., Any]
) -> None:
    written = {
        group["name"]: {"ok"}
        for one in applied.values()
        if one["kind"] == "PrometheusRule"
        for group in one["spec"]["groups"]
    }
    assert len(written) > 5

    def health() -> dict[str, set[str]]:
        return {group["name"]: {rule["health"] for rule in group["rules"]} for group in serving.ask("rules")["groups"]}

    assert eventually(lambda: health() == written, 120)


def test_every_query_of_dashboards_and_alerts_finds_series_where_the_stack_has_what_it_asks_for(
    serving: Any, callers: Any, monitoring_pod: Callable[[str], str]
) -> None:
    """Of an alert what it measures, as it is silent when all is well. Of what only charts serve, only that Prometheus
    understands the query."""
    asked = {
        query: panel.where for one in DASHBOARDS.values() for panel in one.panels for query in panel.queries.values()
    }
    for group in rules.of_cluster(monthly_budget=100):
        for rule in group.rules:
            asked[rule.measure if isinstance(rule, Alert) else rule.query] = rule.where
    monitoring_pod(MEASURED)
    for query in asked:
        serving.ask("query", query=query)
    everywhere = [query for query, where in asked.items() if where is Where.EVERYWHERE]
    wanted = [query for query in everywhere if not re.search(OF_CHARTS, query)]
    assert len(wanted) > 30

    # A rate needs two scrapes, and a rule on it one more evaluation.
    deadline = time.monotonic() + _SEEN_SECONDS
    while missing := sorted(query for query in wanted if not serving.ask("query", query=query)["result"]):
        assert time.monotonic() < deadline, f"no series for {missing}"
        time.sleep(5)
