"""Boxes, frames and arrows with known places as an SVG document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from infra.render.tree import LAYERS

COLOURS: Mapping[str, str] = {
    "network": "#2f6db5",
    "identity": "#b0413e",
    "storage": "#3f7f3a",
    "database": "#7a4fa3",
    "cluster": "#c9780a",
    "operations": "#5f6b76",
    "operators": "#0f8a8a",
    "apps": "#b03a86",
}
_LINES = "#7d8894"
_SVG = "http://www.w3.org/2000/svg"
# Pixels. A letter of a monospaced font is 0.6 of its size wide.
_FONT, _LETTER, _LINE, _TITLE, _PADDING = 10, 6.02, 14, 22, 8
_LINES_PER_COLUMN, _LETTERS_PER_LINE = 18, 60
_HEAD, _WIDTH = 60, 1240


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a box.

    Attributes:
        layer: Layer of the resource; ``None`` for the name of a component.
        notes: What is shown when the pointer is over it.
    """

    text: str
    layer: str | None
    bold: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Box:
    """A component as a titled box of lines."""

    title: str
    layer: str
    lines: tuple[Line, ...]

    @property
    def columns(self) -> list[tuple[Line, ...]]:
        """Lines in columns of equal height, so that a long box stays readable."""
        count = -(-len(self.lines) // _LINES_PER_COLUMN)
        height = -(-len(self.lines) // count)
        return [self.lines[i : i + height] for i in range(0, len(self.lines), height)]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        letters = min(max(len(line.text) for line in self.lines), _LETTERS_PER_LINE)
        width = max((letters * _LETTER + 3 * _PADDING) * len(self.columns), len(self.title) * 6.7 + 2 * _PADDING)
        return width, _TITLE + _LINE * len(self.columns[0]) + _PADDING


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A component around others; ``x`` and ``y`` are of its upper left corner."""

    title: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A curve: a start, three control points for each part, and at last the arrow's tip."""

    title: str
    points: Sequence[tuple[float, float]]


def svg(
    *,
    title: str,
    size: tuple[float, float],
    frames: Sequence[Frame],
    arrows: Sequence[Arrow],
    boxes: Sequence[tuple[Box, tuple[float, float]]],
) -> str:
    """The document. The place of a box is its middle; all places are below the head with the legend."""
    width, height = str(max(round(size[0]), _WIDTH)), str(round(size[1]) + _HEAD)
    ElementTree.register_namespace("", _SVG)
    area = {"width": width, "height": height, "viewBox": f"0 0 {width} {height}"}
    root = ElementTree.Element(f"{{{_SVG}}}svg", {**area, "font-family": "monospace"})
    _child(root, "rect", width="100%", height="100%", fill="white")
    _legend(root, title)
    body = _child(root, "g", transform=f"translate(0,{_HEAD})")
    for frame in frames:
        _frame(body, frame)
    for arrow in arrows:
        _arrow(body, arrow)
    for box, place in boxes:
        _box(body, box, place)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _child(parent: ElementTree.Element, tag: str, text: str = "", /, **attributes: Any) -> ElementTree.Element:
    named = {key.replace("_", "-"): str(value) for key, value in attributes.items()}
    made = ElementTree.SubElement(parent, f"{{{_SVG}}}{tag}", named)
    made.text = text or None
    return made


def _legend(root: ElementTree.Element, title: str) -> None:
    _child(root, "text", title, x=12, y=22, font_size=14, font_weight="bold")
    note = "An arrow leads to what needs it; one that others imply is left out. Bold: protected. Hover for details."
    _child(root, "text", note, x=12, y=42, font_size=_FONT, fill="#444")
    for i, name in enumerate(LAYERS):
        x = 320 + i * 110
        _child(root, "rect", x=x, y=12, width=12, height=12, fill=COLOURS[name])
        _child(root, "text", name, x=x + 18, y=22, font_size=11)


def _frame(body: ElementTree.Element, frame: Frame) -> None:
    x, y = round(frame.x), round(frame.y)
    _child(body, "rect", x=x, y=y, width=round(frame.width), height=round(frame.height), **_FRAME)
    _child(body, "text", frame.title, x=x + 6, y=y + 14, font_size=12, font_weight="bold", fill="#444")


_FRAME = {"fill": "#5f6b76", "fill_opacity": 0.05, "stroke": "#9aa4ae", "rx": 6}


def _arrow(body: ElementTree.Element, arrow: Arrow) -> None:
    *curve, (x2, y2) = arrow.points
    (x1, y1), start = curve[-1], curve[0]
    group = _child(body, "g", fill="none", stroke=_LINES)
    _child(group, "title", arrow.title)
    bends = " ".join(f"{x:.0f},{y:.0f}" for x, y in curve[1:])
    _child(group, "path", d=f"M{start[0]:.0f},{start[1]:.0f} C{bends}", stroke_width=1.2)
    across = ((y1 - y2) * 0.4, (x2 - x1) * 0.4)
    corners = [(x2, y2), (x1 + across[0], y1 + across[1]), (x1 - across[0], y1 - across[1])]
    _child(group, "polygon", points=" ".join(f"{x:.0f},{y:.0f}" for x, y in corners), fill=_LINES)


def _box(body: ElementTree.Element, box: Box, middle: tuple[float, float]) -> None:
    (x, y), (width, height) = middle, box.size
    left, top = round(x - width / 2), round(y - height / 2)
    group, colour = _child(body, "g"), COLOURS[box.layer]
    _child(group, "rect", x=left, y=top, width=round(width), height=round(height), fill="white", stroke=colour, rx=4)
    _child(group, "rect", x=left, y=top, width=round(width), height=_TITLE - 4, fill=colour, rx=4)
    white = {"font_size": 11, "font_weight": "bold", "fill": "white"}
    _child(group, "text", box.title, x=left + _PADDING, y=top + 13, **white)
    for i, column in enumerate(box.columns):
        for j, line in enumerate(column):
            _line(group, line, round(left + i * width / len(box.columns)), top + _TITLE + j * _LINE)


def _line(group: ElementTree.Element, line: Line, x: int, y: int) -> None:
    text = line.text if len(line.text) <= _LETTERS_PER_LINE else f"{line.text[: _LETTERS_PER_LINE - 1]}…"
    if line.layer is None:
        _child(group, "text", text, x=x + 3, y=y + 10, font_size=_FONT, font_style="italic", fill="#666")
        return
    row = _child(group, "g")
    _child(row, "title", "\n".join(line.notes))
    _child(row, "rect", x=x + 3, y=y + 2, width=3, height=_LINE - 4, fill=COLOURS[line.layer])
    weight = "bold" if line.bold else "normal"
    _child(row, "text", text, x=x + _PADDING + 2, y=y + 10, font_size=_FONT, font_weight=weight)
