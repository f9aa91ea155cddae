"""Dashboards are whole, in Grafana's format, and say which panels only a cluster fills."""

import json
import re
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from infra.observability.dashboards import DASHBOARDS, grafana
from infra.observability.metrics import Where

every_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


def written(name: str) -> dict[str, Any]:
    return json.loads(grafana.text(name, DASHBOARDS[name]))


def test_there_is_a_dashboard_for_each_part() -> None:
    assert [one.title for one in DASHBOARDS.values()] == [
        "Overview",
        "Serving",
        "Model quality and drift",
        "Features",
        "Pipelines",
        "Platform and GPU",
        "Cost",
        "Delivery",
    ]


@every_dashboard
def test_grafana_gets_every_query_with_its_legend_and_unit(name: str) -> None:
    made = written(name)
    assert made["uid"] == f"keelson-{name}"
    assert not made["editable"]
    for panel, given in zip(made["panels"], DASHBOARDS[name].panels, strict=True):
        assert panel["title"] == given.title
        assert panel["fieldConfig"]["defaults"]["unit"] == given.unit
        assert {target["legendFormat"]: target["expr"] for target in panel["targets"]} == given.queries
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"prometheus"}
        assert {target["instant"] for target in panel["targets"]} == {given.shows == "now"}


@every_dashboard
def test_no_two_panels_share_a_number_or_a_place_on_the_grid(name: str) -> None:
    panels = written(name)["panels"]
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = any(
            a[start] + a[size] <= b[start]
            for a, b in ((one, other), (other, one))
            for start, size in (("x", "w"), ("y", "h"))
        )
        assert apart, (one, other)


@every_dashboard
def test_a_panel_is_marked_as_a_clusters_when_its_metrics_are(name: str, is_of_cluster: Callable[[str], bool]) -> None:
    for panel in DASHBOARDS[name].panels:
        of_cluster = {is_of_cluster(query) for query in panel.queries.values()}
        assert of_cluster == {panel.where is Where.CLUSTER}, panel.title


@every_dashboard
def test_a_legend_names_labels_that_the_query_keeps(name: str) -> None:
    for panel in DASHBOARDS[name].panels:
        for legend, query in panel.queries.items():
            kept = re.findall(r"\bby \(([^)]*)\)", query)
            for label in re.findall(r"{{(\w+)}}", legend):
                assert not kept or any(label in words.split(", ") for words in kept), (panel.title, label)
