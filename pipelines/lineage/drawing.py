"""A chain as a picture: what runs is on the left, what it all began with on the right."""

from pipelines.lineage.graph import Graph, Kind, Node
from pipelines.lineage.render import summary

# Told apart without relying on red against green.
_COLOURS = {
    Kind.SERVICE: "#b03a86",
    Kind.BUNDLE: "#b03a86",
    Kind.PREDICTIONS: "#b03a86",
    Kind.MODEL: "#7a4fa3",
    Kind.RUN: "#2f6db5",
    Kind.FEATURES: "#0f8a8a",
    Kind.FEATURE_SERVICE: "#0f8a8a",
    Kind.DATA: "#3f7f3a",
    Kind.SOURCE: "#3f7f3a",
}
_OTHER, _MISSING = "#5f6b76", "#b0413e"
_LETTERS = 44


def svg(graph: Graph, subject: str) -> str:
    """An SVG document on white: a box for each node, dashed where it is missing, and a named arrow for each edge."""
    import pygraphviz

    drawing = pygraphviz.AGraph(directed=True, rankdir="LR", bgcolor="white", fontname="monospace", nodesep="0.15")
    drawing.graph_attr.update(label=f"Lineage of {subject}", labelloc="t", fontsize="14")
    drawing.node_attr.update(shape="box", fontname="monospace", fontsize="10", style="rounded")
    drawing.edge_attr.update(fontname="monospace", fontsize="8", color="#7d8894", fontcolor="#444444", arrowsize="0.6")
    for node in graph.nodes:
        colour = _MISSING if node.missing else _COLOURS.get(node.kind, _OTHER)
        style = ["rounded"] + ["dashed"] * bool(node.missing) + ["bold"] * (node.id == subject)
        drawing.add_node(node.id, label=_label(node), tooltip=_escaped(node.title), color=colour, style=",".join(style))
    for edge in graph.edges:
        drawing.add_edge(edge.made, edge.origin, label=_escaped(edge.name))
    drawn = drawing.draw(format="svg", prog="dot")
    assert drawn is not None, "without a path the document is returned"
    return drawn.decode()


def _label(node: Node) -> str:
    lines = [node.title, node.missing or summary(node)]
    # Graphviz reads \l as the end of a line that is aligned to the left.
    return "".join(f"{_escaped(_cut(line))}\\l" for line in lines if line)


def _cut(line: str) -> str:
    return line if len(line) <= _LETTERS else f"{line[: _LETTERS - 1]}…"


def _escaped(text: str) -> str:
    """A text in which Graphviz sees no escapes of its own."""
    return text.replace("\\", "\\\\")
