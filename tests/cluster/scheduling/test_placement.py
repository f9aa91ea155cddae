"""The real scheduler places a stack's own pods where they belong, on nodes of the stack's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.settings.cloud import STACKS

if TYPE_CHECKING:
    from tests.cluster.scheduling.conftest import Stack

pytestmark = pytest.mark.cluster


def test_every_workload_of_the_stack_is_placed(stack: Stack, placed: dict[str, list[str]]) -> None:
    assert len(placed) >= 10
    refused = [one["message"] for one in stack.api.every("v1", "Event") if one["reason"] == "FailedCreate"]
    assert refused == []


def test_nothing_at_rest_runs_on_a_gpu_node(placed: dict[str, list[str]]) -> None:
    assert [name for name, nodes in placed.items() if any(node.startswith("gpu") for node in nodes)] == []


def test_what_is_there_all_the_time_stays_off_the_workers(placed: dict[str, list[str]]) -> None:
    assert {name: nodes for name, nodes in placed.items() if not all(one.startswith("system") for one in nodes)} == {}


def test_copies_are_on_different_nodes_in_different_zones(stack: Stack, placed: dict[str, list[str]]) -> None:
    system = STACKS[stack.name]["system"]
    for name, nodes in placed.items():
        assert len(set(nodes)) == min(len(nodes), system["minimum"]), name
        # Node n is in zone n.
        assert len({int(node.partition("-")[2]) % system["zones"] for node in nodes}) == min(
            len(nodes), system["zones"]
        )
