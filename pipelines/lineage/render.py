"""A chain as text: a tree for people, JSON for programs."""

import json
from collections.abc import Callable, Mapping
from typing import IO, Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from pipelines.lineage.graph import Edge, Graph, Kind, Node

_SHA_LENGTH = 12
_LONGEST_LINE = 10_000


def as_json(graph: Graph, subject: str) -> str:
    """One JSON object: ``of``, ``nodes`` and ``edges``; each edge leads from ``made`` to ``origin``."""
    nodes = [
        {"id": node.id, "kind": node.kind, "name": node.name, "title": node.title, "missing": node.missing}
        | {"facts": node.facts}
        for node in graph.nodes
    ]
    edges = [{"made": edge.made, "name": edge.name, "origin": edge.origin} for edge in graph.edges]
    return json.dumps({"of": subject, "nodes": nodes, "edges": edges}, indent=2)


def print_tree(graph: Graph, subject: str, file: IO[str]) -> None:
    """The subject, below it what it was made from, and then what was made from it; each thing is told of once."""
    tree = Tree(_line(graph.node(subject), bold=True))
    _grow(tree.add(Text("made from", style="cyan")), graph, subject, graph.origins, "origin")
    _grow(tree.add(Text("what was made from it", style="cyan")), graph, subject, graph.products, "made")
    # Rich cuts what is longer than the terminal is wide; the terminal itself goes on in the next line.
    Console(file=file, width=_LONGEST_LINE, highlight=False).print(tree, soft_wrap=True)


def _grow(top: Tree, graph: Graph, subject: str, edges_of: Callable[[str], tuple[Edge, ...]], end: str) -> None:
    """Add all that edges lead to from the subject; a thing that is reached again is not followed again."""
    told = {subject}

    def add(branch: Tree, node_id: str) -> None:
        for edge in edges_of(node_id):
            reached = graph.node(getattr(edge, end))
            name = edge.name if end == "origin" else f"{edge.name} ←"
            if reached.id in told:
                branch.add(_line(reached, name, again=True))
                continue
            told.add(reached.id)
            add(branch.add(_line(reached, name)), reached.id)

    add(top, subject)
    if not top.children:
        top.add(Text("nothing", style="dim"))


def _line(node: Node, edge: str = "", *, again: bool = False, bold: bool = False) -> Text:
    line = Text(f"{edge} " if edge else "", style="dim")
    line.append(node.title, style="bold not dim" if bold else "not dim")
    if again:
        return line.append(" (see above)")
    if node.missing:
        line.append(f"  MISSING: {node.missing}", style="bold red not dim")
    if shown := summary(node):
        line.append(f"  {shown}")
    return line


def summary(node: Node) -> str:
    """The facts of a node that fit in a line."""
    facts = node.facts
    match node.kind:
        case Kind.RUN:
            steps = f"{len(facts['steps'])} steps" if facts.get("steps") else ""
            parts = [_told(facts, "status").lower(), _told(facts, "started"), _told(facts, "verdict"), steps]
        case Kind.MODEL:
            parts = [f"SHA-256 {digest}" if (digest := _told(facts, "model_sha256")[:_SHA_LENGTH]) else ""]
        case Kind.DATA | Kind.PREDICTIONS:
            parts = [f"{facts['rows']:,} rows" if "rows" in facts else ""]
        case Kind.COMMIT:
            parts = [_told(facts, "subject"), _told(facts, "time")[:10]]
        case Kind.SOURCE:
            parts = [_told(facts, "fingerprint")[:_SHA_LENGTH]]
        case Kind.COMPONENTS:
            # Which they are is in the JSON: the line would be wider than any screen.
            parts = [f"{len(facts)} versions"]
        case _:
            parts = []
    return ", ".join(part for part in parts if part)


def _told(facts: Mapping[str, Any], name: str) -> str:
    return str(facts.get(name, ""))
