"""An exported model that is too large, too slow or another one than the bundle's is not for devices."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from components import thresholds
from components.model import Model
from serving.edge.budget import Measured, measure, problems
from serving.edge.graph import build

AT_THE_LIMITS = {
    "megabytes": thresholds.MAX_EDGE_MEGABYTES,
    "p99_milliseconds": thresholds.MAX_EDGE_P99_MILLISECONDS,
    "difference": thresholds.EDGE_TOLERANCE,
}


def test_a_model_at_its_limits_may_go_to_devices() -> None:
    assert problems(Measured(**AT_THE_LIMITS)) == []


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("megabytes", "its size is 20.2 MB, allowed is 20 (MAX_EDGE_MEGABYTES)"),
        ("p99_milliseconds", "its p99 of one trip on one core is 2.02 ms, allowed is 2 (MAX_EDGE_P99_MILLISECONDS)"),
        ("difference", "its relative difference from the bundle is 1.01e-09, allowed is 1e-09 (EDGE_TOLERANCE)"),
    ],
)
def test_a_model_over_a_limit_is_refused_with_both_numbers(field: str, told: str) -> None:
    assert problems(Measured(**AT_THE_LIMITS | {field: AT_THE_LIMITS[field] * 1.01})) == [told]


def test_each_limit_that_is_passed_is_told() -> None:
    over = {name: limit * 2 for name, limit in AT_THE_LIMITS.items()}
    assert len(problems(Measured(**over))) == 3


def test_a_difference_that_is_no_number_is_refused() -> None:
    assert len(problems(Measured(**AT_THE_LIMITS | {"difference": math.nan}))) == 1


def test_the_figures_of_a_model_are_its_own(loaded: Callable[[str], tuple[Model, Path]]) -> None:
    graph = build(*loaded("linear")).SerializeToString()
    found = measure(graph, loaded("linear")[0])
    assert found.megabytes == len(graph) / 1e6
    assert found.difference < thresholds.EDGE_TOLERANCE
    assert found.p99_milliseconds > 0


def test_the_graph_of_another_model_is_refused(loaded: Callable[[str], tuple[Model, Path]]) -> None:
    found = measure(build(*loaded("linear")).SerializeToString(), loaded("baseline")[0])
    assert any("EDGE_TOLERANCE" in problem for problem in problems(found))
