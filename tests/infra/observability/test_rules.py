"""Every rule parses, every alert fires when it should and not else, and every alert has its page."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.observability import rules
from infra.observability.metrics import Where
from infra.observability.rules import Alert, Group, Recording
from infra.tools.program import program

ROOT = Path(__file__).parents[3]
RULES = rules.of_cluster(250)
ALERTS = {rule.name: rule for group in RULES for rule in group.rules if isinstance(rule, Alert)}
EXAMPLES: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "alerts.yaml").read_text())


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' own tool for rules; built once, then from the cache."""
    return program("promtool", group="checks")


def run(promtool: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([promtool, *words], capture_output=True, text=True, check=False)


def rule_file(folder: Path, groups: Any = RULES) -> Path:
    file = folder / "rules.json"
    file.write_text(json.dumps(rules.file(groups)))
    return file


@pytest.mark.parametrize("groups", [RULES, rules.of_local_stack()], ids=["cluster", "local"])
def test_prometheus_reads_all_rules(groups: Any, promtool: Path, tmp_path: Path) -> None:
    checked = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(rule_file(tmp_path, groups)))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def needed(alert: Alert) -> list[Group]:
    """An alert after the recorded series that it asks for: promtool evaluates all that it reads, again and again."""
    recordings = [rule for group in RULES for rule in group.rules if isinstance(rule, Recording)]
    asked = [rule for rule in recordings if re.search(rf"\b{re.escape(rule.name)}\b", alert.query)]
    return [Group(name="needed", rules=[*asked, alert])]


def unit_tests(name: str) -> list[dict[str, Any]]:
    """promtool's tests of one alert: one on which it fires, and one for each list on which it is quiet."""
    example, alert = EXAMPLES[name], ALERTS[name]
    fired = {
        "exp_labels": {"severity": alert.severity, **example.get("labels", {})},
        "exp_annotations": {"summary": alert.summary, "runbook_url": alert.runbook},
    }
    return [
        {
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in given.items()],
            "alert_rule_test": [{"eval_time": example["at"], "alertname": name, "exp_alerts": expected}],
        }
        for given, expected in [(example["fires"], [fired]), *((given, []) for given in example["quiet"])]
    ]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_fires_when_it_should_and_not_else(name: str, promtool: Path, tmp_path: Path) -> None:
    rule_files = [str(rule_file(tmp_path, needed(ALERTS[name])))]
    every = EXAMPLES[name].get("every", "1m")
    tests = {"rule_files": rule_files, "evaluation_interval": every, "tests": unit_tests(name)}
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump(tests))
    tested = run(promtool, "test", "rules", str(file))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_examples_of_both_kinds_and_no_example_is_without_its_alert() -> None:
    assert EXAMPLES.keys() == ALERTS.keys()
    assert [name for name, example in EXAMPLES.items() if not (example["fires"] and example["quiet"])] == []


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert pages == {alert.runbook for alert in ALERTS.values()}


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_says_what_is_meant_where_to_look_and_what_to_do(name: str) -> None:
    page = (ROOT / ALERTS[name].runbook).read_text()
    assert page.startswith(f"# {name}\n")
    sections = dict(re.findall(r"^## (.+)\n+(.+)", page, re.MULTILINE))
    assert sections.keys() == {"Meaning", "Look", "Mend"}


def test_names_are_unique() -> None:
    alerts = [rule.name for group in RULES for rule in group.rules if isinstance(rule, Alert)]
    groups = [group.name for group in RULES]
    assert len(set(alerts)) == len(alerts)
    assert len(set(groups)) == len(groups)


def test_an_alert_is_marked_as_a_clusters_when_its_metrics_are(is_of_cluster: Callable[[str], bool]) -> None:
    everything = [rule for group in RULES for rule in group.rules]
    wrong = [one.name for one in everything if is_of_cluster(one.query) != (one.where is Where.CLUSTER)]
    assert wrong == []


def test_the_local_stack_has_every_rule_that_it_has_metrics_for() -> None:
    local = [rule.name for group in rules.of_local_stack() for rule in group.rules if isinstance(rule, Alert)]
    everywhere = [alert.name for alert in ALERTS.values() if alert.where is Where.EVERYWHERE]
    # Its features are as old as its trips.
    assert set(local) == set(everywhere) - {"FeaturesStale"}


def test_a_recorded_series_that_an_alert_asks_for_is_recorded() -> None:
    everything = [rule for group in RULES for rule in group.rules]
    recorded = {(rule.name, rule.labels.get("objective", "")) for rule in everything if isinstance(rule, Recording)}
    asked = {
        found
        for alert in ALERTS.values()
        for found in re.findall(r'\b((?:objective|stack):[\w:]+)(?:\{objective="([\w-]+)"\})?', alert.query)
    }
    assert asked
    assert asked <= recorded
