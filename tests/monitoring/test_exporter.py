"""What Prometheus is told is what the rows say, and nothing where they say nothing."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from components.pipeline_results import add_result, open_results
from components.platform import Platform
from components.releases import ROLLED_BACK, add_release, open_releases
from infra.observability import rules
from infra.observability.dashboards import DASHBOARDS
from infra.observability.metrics import MONITOR
from monitoring import state
from monitoring.bench import worlds
from monitoring.decision import Decision
from monitoring.exporter import MonitorCollector
from monitoring.policy import Action
from monitoring.quality import LABELS_DUE, ErrorReference
from monitoring.reference import Reference
from monitoring.settings import MonitoringSettings
from monitoring.state import Retraining, Window
from monitoring.state_tables import Result, Stage, open_state
from monitoring.window import WindowResult, measure_window

# Counted by the service itself.
FAILURES = "keelson_monitor_failures_total"
Scrape = Callable[[], dict[str, dict[str, float]]]


@pytest.fixture
def registry(platform: Platform) -> CollectorRegistry:
    settings = MonitoringSettings.model_validate({"journals": "/nowhere", "stack_cost_dollars_month": 121.5})
    found = CollectorRegistry()
    found.register(MonitorCollector(platform, settings))
    return found


@pytest.fixture
def scrape(registry: CollectorRegistry) -> Scrape:
    """By name, each value by its labels' values, such as ``training failed``."""

    def ask() -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                found.setdefault(sample.name, {})[" ".join(sample.labels.values())] = sample.value
        return found

    return ask


@pytest.fixture
def calm(calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference) -> WindowResult:
    start, end = worlds.day(57), worlds.day(58)
    rows = {"reference": reference, "errors": errors, "recomputed": calm_day}
    return measure_window(calm_day, start=start, end=end, now=end + LABELS_DUE, **rows)


@pytest.fixture
def keep(platform: Platform) -> Callable[..., None]:
    """Keeps a window so many days after the first."""

    def window(result: WindowResult, *, days: int = 0, action: Action = Action.NOTHING) -> None:
        later = {"start": result.start + timedelta(days=days), "end": result.end + timedelta(days=days)}
        kept = Window("9", "model-9", replace(result, **later), Decision(action, "why"))
        assert state.add_window(open_state(platform, "monitor"), kept)

    return window


def retrain(platform: Platform, shift: str, result: Result | None) -> None:
    engine = open_state(platform, "monitor")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    begun = Retraining(
        shift=shift, reference_version="model-9", model_version="9", at=at, source="served:", reason="why"
    )
    assert state.begin_retraining(engine, begun)
    if result is not None:
        state.advance(engine, shift, {"stage": Stage.ENDED, "result": result})


def test_before_the_first_window_all_is_counted_from_zero_and_nothing_is_made_up(scrape: Scrape) -> None:
    told = scrape()
    assert told["keelson_monitor_windows_total"] == dict.fromkeys(
        ("schema_skew", "fault", "degraded", "drift", "not_enough_data", "calm"), 0
    )
    assert told["keelson_monitor_decisions_total"] == dict.fromkeys(("nothing", "retrain", "stop"), 0)
    assert told["keelson_monitor_retrains_total"] == dict.fromkeys(
        ("released", "rolled_back", "held", "refused", "failed"), 0
    )
    assert told["keelson_releases_total"] == {"released": 0, "rolled_back": 0}
    assert set(told["keelson_pipeline_runs_total"].values()) == {0}
    assert told["keelson_pipeline_runs_total"].keys() >= {"training failed", "scoring succeeded"}
    assert told["keelson_stack_cost_dollars_month"] == {"": 121.5}
    counters = {name for name in told if name.endswith("_total")}
    assert told.keys() - counters == {"keelson_stack_cost_dollars_month"}


def test_windows_decisions_and_retrainings_are_counted(
    platform: Platform, scrape: Scrape, keep: Callable[..., None], calm: WindowResult, calm_day: pl.DataFrame
) -> None:
    keep(calm)
    keep(calm, days=1)
    keep(replace(calm, drift=replace(calm.drift, columns=(), share=float("nan"))), days=2, action=Action.STOP)
    for number, result in enumerate((Result.ROLLED_BACK, Result.FAILED, Result.FAILED, None)):
        retrain(platform, f"model-9/{number}", result)
    told = scrape()
    windows = {name: count for name, count in told["keelson_monitor_windows_total"].items() if count}
    assert windows == {"calm": 2, "not_enough_data": 1}
    assert told["keelson_monitor_decisions_total"] == {"nothing": 2, "retrain": 0, "stop": 1}
    # The one that has not ended is none yet.
    ended = {name: count for name, count in told["keelson_monitor_retrains_total"].items() if count}
    assert ended == {"rolled_back": 1, "failed": 2}


def test_the_newest_window_is_shown(scrape: Scrape, keep: Callable[..., None], calm: WindowResult) -> None:
    before = datetime.now(UTC).timestamp() - 60
    keep(calm, days=1)
    # An older one that is kept later is not the newest.
    keep(replace(calm, drift=replace(calm.drift, share=0.99)))
    told = scrape()
    overall = calm.quality.overall
    assert overall is not None
    assert told["keelson_monitor_mae_seconds"]["all"] == overall.error.value
    assert told["keelson_monitor_mae_reference_seconds"]["all"] == overall.expected
    assert told["keelson_monitor_drifted_share"] == {"": calm.drift.share}
    assert told["keelson_monitor_label_coverage"] == {"": calm.quality.coverage}
    assert told["keelson_monitor_labelled_rows"] == {"": calm.quality.labels}
    assert told["keelson_monitor_training_serving_skew"] == {"": 0}
    [distance] = [
        one.drift.statistic for one in calm.drift.columns if (one.column, one.horizon) == ("trip_distance", 1)
    ]
    assert told["keelson_monitor_feature_drift"]["trip_distance"] == distance
    assert told["keelson_monitor_feature_drifted"]["trip_distance"] == 0
    assert before < told["keelson_monitor_last_window_timestamp_seconds"][""] < before + 120


def test_what_the_newest_window_does_not_know_is_left_out(
    scrape: Scrape,
    keep: Callable[..., None],
    calm: WindowResult,
    calm_day: pl.DataFrame,
    reference: Reference,
    errors: ErrorReference,
) -> None:
    keep(calm)
    day = {"start": worlds.day(58), "end": worlds.day(59), "now": worlds.day(59) + LABELS_DUE}
    keep(measure_window(calm_day.clear(), **day, reference=reference, errors=errors))  # pyright: ignore
    told = scrape()
    shown = {name for name in told if name.startswith("keelson_monitor_") and not name.endswith("_total")}
    assert shown == {"keelson_monitor_last_window_timestamp_seconds", "keelson_monitor_labelled_rows"}
    assert told["keelson_monitor_labelled_rows"] == {"": 0}


def test_what_is_declared_is_what_is_served_with_the_labels_that_queries_ask_for(
    platform: Platform, scrape: Scrape, keep: Callable[..., None], calm: WindowResult
) -> None:
    keep(calm)
    result = {"status": "failed", "total_seconds": 7.5}
    add_result(open_results(platform), pipeline="training", cause="c", result=result)
    add_release(open_releases(platform), version=9, serves=8, outcome=ROLLED_BACK, reason="slow", by="a test")
    told = scrape()
    assert told["keelson_pipeline_runs_total"]["training failed"] == 1
    assert told["keelson_pipeline_run_seconds"] == {"training": 7.5}
    assert told["keelson_releases_total"] == {"released": 0, "rolled_back": 1}
    assert told.keys() == MONITOR - {FAILURES}
    queries = [query for one in DASHBOARDS.values() for panel in one.panels for query in panel.queries.values()]
    queries += [rule.query for group in rules.of_cluster(250) for rule in group.rules]
    asked = {found for query in queries for found in re.findall(r'(keelson_\w+)\{\w+="([^"]*)"\}', query)}
    served = {(name, value) for name, values in told.items() for labels in values for value in labels.split()}
    assert {(name, value) for name, value in asked if name in MONITOR} - served == set()
    assert ("keelson_releases_total", "rolled_back") in asked


def test_a_database_that_is_away_fails_the_scrape(
    platform: Platform, registry: CollectorRegistry, postgres, keep: Callable[..., None], calm: WindowResult
) -> None:
    keep(calm)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    url = f"http://127.0.0.1:{server.server_port}/metrics"
    database = platform.feast_online_database
    try:
        with urllib.request.urlopen(url) as answer:
            assert b"keelson_monitor_mae_seconds{" in answer.read()
        with postgres.connect() as superuser:
            superuser.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url)
        assert refused.value.code == 500
        with postgres.connect() as superuser:
            superuser.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
        with urllib.request.urlopen(url) as answer:
            assert b"keelson_monitor_mae_seconds{" in answer.read()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
