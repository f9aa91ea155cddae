"""What was made from what: a graph whose edges lead from a thing to what it was made from."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Kinds of things, in the order from what runs to what it all began with."""

    SERVICE = "service"
    BUNDLE = "bundle"
    PREDICTIONS = "predictions"
    MODEL = "model"
    RUN = "run"
    FEATURES = "features"
    FEATURE_SERVICE = "feature_service"
    DATA = "data"
    SOURCE = "source"
    PIPELINE = "pipeline"
    COMPONENTS = "components"
    COMMIT = "commit"
    LOCK = "lock"
    IMAGE = "image"
    STACK = "stack"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A thing.

    Attributes:
        kind: What it is.
        name: Names it among its kind, e.g. a version or a hash.
        title: What people call it, in a line.
        facts: What is known about it; values that JSON can hold.
        missing: Why there is only a name, or empty.
    """

    kind: Kind
    name: str
    title: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""

    @property
    def id(self) -> str:
        """Kind and name, e.g. ``model:3``; no two nodes of a graph share it."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, order=True)
class Edge:
    """``made`` came about with the help of ``origin``; both are ids.

    Attributes:
        name: How, read from ``made``, e.g. "trained by".
    """

    made: str
    origin: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes and edges, each once and in a fixed order; every end of an edge is a node."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def node(self, node_id: str) -> Node:
        """A node by its id.

        Raises:
            KeyError: There is none.
        """
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def origins(self, node_id: str) -> tuple[Edge, ...]:
        """Edges to what a node was made from."""
        return tuple(edge for edge in self.edges if edge.made == node_id)

    def products(self, node_id: str) -> tuple[Edge, ...]:
        """Edges to what was made from a node."""
        return tuple(edge for edge in self.edges if edge.origin == node_id)


def assemble(nodes: Iterable[Node], edges: Iterable[Edge]) -> Graph:
    """A graph in its fixed order.

    Of nodes with one id a present one wins over a missing one; facts that only the others have are added.

    Raises:
        ValueError: An edge leads to a node that there is not.
    """
    told: dict[str, list[Node]] = {}
    for node in nodes:
        told.setdefault(node.id, []).append(node)
    merged = {node_id: _merged(same) for node_id, same in told.items()}
    links = sorted(set(edges))
    for edge in links:
        for end in (edge.made, edge.origin):
            if end not in merged:
                raise ValueError(f"the edge {edge} leads to {end}, which is no node")
    return Graph(
        nodes=tuple(sorted(merged.values(), key=order)),
        edges=tuple(sorted(links, key=lambda edge: (order(merged[edge.made]), order(merged[edge.origin]), edge.name))),
    )


def chain(graph: Graph, subject: str) -> Graph:
    """The part of a graph that a node was made from, and that was made from it, directly or not; with the node.

    Raises:
        KeyError: There is no such node.
    """
    graph.node(subject)
    above = _reached(subject, [(edge.made, edge.origin) for edge in graph.edges])
    below = _reached(subject, [(edge.origin, edge.made) for edge in graph.edges])
    return Graph(
        nodes=tuple(node for node in graph.nodes if node.id in above | below),
        edges=tuple(edge for edge in graph.edges if _within(edge, above) or _within(edge, below)),
    )


def order(node: Node) -> tuple[int, list[tuple[int, str]]]:
    """Sorts nodes: by kind, then by name with numbers by their size."""
    parts = re.findall(r"\d+|\D+", node.name)
    return list(Kind).index(node.kind), [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _within(edge: Edge, ids: set[str]) -> bool:
    return edge.made in ids and edge.origin in ids


def _reached(start: str, steps: Iterable[tuple[str, str]]) -> set[str]:
    """Every id that steps lead to from one, and that one."""
    following: dict[str, set[str]] = {}
    for one, next_one in steps:
        following.setdefault(one, set()).add(next_one)
    found, waiting = {start}, [start]
    while waiting:
        new = following.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _merged(same: Sequence[Node]) -> Node:
    """One node from several with its id, whatever their order."""
    ranked = sorted(same, key=lambda node: (bool(node.missing), node.title, json.dumps(node.facts, sort_keys=True)))
    facts = {name: fact for node in reversed(ranked) for name, fact in node.facts.items()}
    return replace(ranked[0], facts=facts)
