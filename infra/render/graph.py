"""The resources of a stack as a graph of components: which boxes there are, what needs what, and where each stands.

Graphviz places the boxes; they are of fixed size and hold no text for it, so that the picture does not depend on the
fonts of the machine.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import pygraphviz

from infra.render import drawing
from infra.render.drawing import Arrow, Box, Frame, Line
from infra.render.recording import Recording, Resource
from infra.render.tree import LAYERS, layer, paths

# Stands for the stack itself where a component's URN is wanted.
_STACK = "stack"
# A component of no more resources is one box with all that is below it; a larger one is a frame around its components.
_FOLDED = 30
# Graphviz measures in points, 72 to its inch; here a point is a pixel.
_INCH = 72


def svg(recording: Recording) -> str:
    """The picture as an SVG document, equal for equal recordings."""
    boxes = _Boxes(recording)
    needs = _needs(recording, boxes)
    arrows = _without_implied(needs)
    placed = _placed(boxes, arrows)
    left, bottom, right, top = _numbers(placed["bb"])
    frames, places = [], {}
    for one in placed.get("objects", []):
        if one["name"] in boxes.made:
            x, y = _numbers(one["pos"])
            places[one["name"]] = (x, top - y)
        elif "bb" in one:
            west, south, east, north = _numbers(one["bb"])
            title = boxes.known[one["name"].removeprefix("cluster_")].name
            frames.append(Frame(title=title, x=west, y=top - north, width=east - west, height=north - south))
    curves = [
        Arrow(
            title="\n".join([" → ".join(boxes.made[end].title for end in ends), *sorted(set(needs[ends]))]),
            points=_curve(edge["pos"], top),
        )
        for edge in placed.get("edges", [])
        if (ends := (placed["objects"][edge["tail"]]["name"], placed["objects"][edge["head"]]["name"]))
    ]
    count = sum(not one.component for one in recording.resources)
    return drawing.svg(
        title=f"{recording.stack}: {count} resources",
        size=(right - left, top - bottom),
        frames=frames,
        arrows=curves,
        boxes=[(boxes.made[urn], place) for urn, place in sorted(places.items())],
    )


class _Boxes:
    """The boxes of a recording.

    Attributes:
        made: Boxes by the URN of their component.
        frames: URNs of the components that are frames.
        owner: URN of the box that each component and resource is in.
        known: All resources by URN.
    """

    def __init__(self, recording: Recording) -> None:
        self.known = {one.urn: one for one in recording.resources}
        self.made: dict[str, Box] = {}
        self.frames: set[str] = set()
        self.owner: dict[str, str] = {}
        self._places = paths(recording)
        self._below: dict[str, list[Resource]] = defaultdict(list)
        for one in recording.resources:
            self._below[one.parent if one.parent in self.known else _STACK].append(one)
        self._make(_STACK)

    def components(self, urn: str) -> list[Resource]:
        """Components directly below one, by URN."""
        return [one for one in self._below[urn] if one.component]

    def inside(self, urn: str) -> list[str]:
        """URNs of the boxes that hold what is at or below a component or resource."""
        own = [self.owner[urn]] if self.owner[urn] in self.made else []
        if urn not in self.frames:
            return own
        return own + [box for one in self.components(urn) for box in self.inside(one.urn)]

    def _make(self, urn: str) -> None:
        everything = list(self._all(urn))
        count = sum(not one.component for one in everything)
        if urn != _STACK and (count <= _FOLDED or not self.components(urn)):
            self._add(urn, everything)
            return
        self.frames.add(urn)
        self._add(urn, [one for one in self._below[urn] if not one.component])
        for one in self.components(urn):
            self._make(one.urn)

    def _all(self, urn: str) -> Iterator[Resource]:
        for one in self._below[urn]:
            yield one
            yield from self._all(one.urn)

    def _add(self, urn: str, inner: list[Resource]) -> None:
        self.owner.update(dict.fromkeys((urn, *(one.urn for one in inner)), urn))
        rows = [one for one in inner if not one.component]
        sections: dict[str, list[Resource]] = defaultdict(list)
        for one in rows:
            sections[self._places.get(one.parent, "")].append(one)
        if rows:
            path = self._places.get(urn, _STACK)
            self.made[urn] = Box(title=path, layer=_layer_of(rows), lines=tuple(_lines(sections, path)))


def _lines(sections: Mapping[str, list[Resource]], path: str) -> Iterator[Line]:
    """Rows of a box; those of a component inside it are below its name."""
    for place, rows in sorted(sections.items()):
        if place.startswith(f"{path}/"):
            yield Line(text=place.removeprefix(f"{path}/"), layer=None)
        for one in sorted(rows, key=lambda one: (LAYERS.index(layer(one)), one.kind, one.name)):
            flags = (("protected", one.protect), ("stays when forgotten", one.retain_on_delete))
            needed = [f"needs {' '.join(_kind_and_name(urn))}" for urn in one.depends_on]
            notes = [f"{one.type} {one.name}", *(flag for flag, on in flags if on), *needed]
            yield Line(text=f"{one.kind} {one.name}", layer=layer(one), bold=one.protect, notes=tuple(notes))


def _kind_and_name(urn: str) -> tuple[str, str]:
    kind, name = urn.split("::")[-2:]
    return kind.rpartition(":")[2], name


def _layer_of(rows: list[Resource]) -> str:
    """The layer of most rows; almost every component has roles, so identity counts only where nothing else is."""
    layers = [layer(row) for row in rows]
    counts = Counter(one for one in layers if one != "identity") or Counter(layers)
    return max(LAYERS, key=lambda one: (counts[one], -LAYERS.index(one)))


def _needs(recording: Recording, boxes: _Boxes) -> dict[tuple[str, str], list[str]]:
    """For each two boxes why the second needs the first: ``["Bucket data → BucketPolicy data-policy"]``."""
    providers = {one.kind: one.urn for one in recording.resources if one.type.startswith("pulumi:providers:")}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in recording.resources:
        # The provider of the cluster's objects is no dependency to Pulumi, but nothing is made before it.
        provider = [providers["kubernetes"]] if one.package == "kubernetes" and "kubernetes" in providers else []
        for urn in (*one.depends_on, *provider):
            if urn not in boxes.known:
                continue
            reason = f"{boxes.known[urn].kind} {boxes.known[urn].name} → {one.kind} {one.name}"
            # What a component waits for, all in it waits for.
            for first, second in product(boxes.inside(urn), boxes.inside(one.urn)):
                if first != second:
                    found[first, second].append(reason)
    return dict(sorted(found.items()))


def _without_implied(needs: Mapping[tuple[str, str], Sequence[str]]) -> dict[tuple[str, str], bool]:
    """The fewest arrows from which all others follow, and whether each leads forward.

    Two components can each need a part of the other. The fewer reasons lead backward: nothing follows from them.
    """
    after: dict[str, set[str]] = defaultdict(set)
    backward = []
    for first, second in sorted(needs, key=lambda ends: (-len(needs[ends]), ends)):
        if first in _reached(second, after):
            backward.append((first, second))
        else:
            after[first].add(second)
    for first in sorted(after):
        for second in sorted(after[first]):
            after[first].discard(second)
            if second not in _reached(first, after):
                after[first].add(second)
    forward = [(first, second) for first in sorted(after) for second in sorted(after[first])]
    return {**dict.fromkeys(forward, True), **dict.fromkeys(sorted(backward), False)}


def _reached(start: str, after: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for following in after.get(waiting.pop(), ()):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return seen


def _placed(boxes: _Boxes, arrows: Mapping[tuple[str, str], bool]) -> dict[str, Any]:
    """Graphviz' answer in its JSON form: boxes, frames and arrows with their places, upside down."""
    graph = pygraphviz.AGraph(directed=True, strict=False)
    graph.graph_attr.update(rankdir="TB", nodesep="0.25", ranksep="0.7")
    graph.node_attr.update(shape="box", fixedsize="true", label="")
    _fill(graph, _STACK, boxes)
    for (first, second), forward in arrows.items():
        graph.add_edge(first, second, constraint="true" if forward else "false")
    answer = graph.draw(format="json", prog="dot")
    assert answer is not None, "Graphviz answers with a text unless it is given a file"
    return json.loads(answer)


def _fill(graph: Any, urn: str, boxes: _Boxes) -> None:
    if urn in boxes.made:
        width, height = boxes.made[urn].size
        graph.add_node(urn, width=round(width / _INCH, 3), height=round(height / _INCH, 3))
    if urn in boxes.frames:
        for one in boxes.components(urn):
            framed = one.urn in boxes.frames
            inner = graph.add_subgraph(name=f"cluster_{one.urn}", label="", margin="20") if framed else graph
            _fill(inner, one.urn, boxes)


def _curve(position: str, top: float) -> tuple[tuple[float, float], ...]:
    """Control points of an arrow, and its tip."""
    points = position.split()
    tip = next(one.removeprefix("e,") for one in points if one.startswith("e,"))
    numbers = [_numbers(one) for one in points if not one.startswith(("e,", "s,"))]
    return tuple((x, top - y) for x, y in [*numbers, _numbers(tip)])


def _numbers(text: str) -> list[float]:
    return [float(one) for one in text.split(",")]
