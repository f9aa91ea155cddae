"""Pages that a step writes for people: one HTML file that needs nothing else, readable on light and dark screens."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Cell = str | int | float | bool | None

# Read well on white and on black; no two differ by red and green alone. Use them in this order, named by "C0" to "C5".
COLOURS = ("#2f7ed8", "#e07b00", "#1b9e77", "#b052a5", "#8c7a3d", "#7a8793")

_TEMPLATE = "page.html"
# Stands for the colour of the page's text until the figure is in the page.
_INK = "#010203"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: numbers are aligned to the right, None is shown as a dash.

    Attributes:
        columns: Headings.
        rows: As many cells each as there are columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells, but the table has {len(self.columns)} columns: {row}")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page; what is given is shown in the order of the attributes.

    Attributes:
        heading: Shown above.
        text: Paragraphs with an empty line between them; plain text.
        table: Shown as it is; wide ones scroll by themselves.
        figure: SVG, as from ``figure``.
    """

    heading: str
    text: str = ""
    table: Table | None = None
    figure: Markup | None = None


def render(title: str, sections: Sequence[Section]) -> str:
    """A whole HTML page; all text in it is escaped, and the same input gives the same bytes.

    Args:
        title: Of the page.
        sections: In the order of the page.
    """
    return _template().render(title=title, sections=sections)


def figure(draw: Callable[["Axes"], None], *, width: float, height: float, description: str) -> Markup:
    """A plot as SVG to stand in a page: the same drawing gives the same bytes.

    Text and axes take the colour of the page's text; draw in the colours "C0" to "C5" (``COLOURS``), which can be seen
    on light and dark pages.

    Args:
        draw: Draws on the axes that it is given.
        width: In inches, of 72 pixels each; a narrower screen shows it smaller.
        height: In inches.
        description: What can be seen, for those who cannot; figures of one page have different ones.
    """
    from cycler import cycler
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        # Names of clip paths are made from this salt: they must differ between the figures of a page.
        "svg.hashsalt": description,
        "svg.fonttype": "none",
        # A dollar sign is one.
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
        "legend.frameon": False,
        "savefig.transparent": True,
    }
    picture = io.StringIO()
    with rc_context(settings):
        drawing = Figure(figsize=(width, height), layout="constrained")
        draw(drawing.subplots())
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        drawing.savefig(picture, format="svg", metadata=metadata)
    return Markup(_accessible(picture.getvalue(), description))  # noqa: S704 matplotlib escapes the texts of a drawing


def _accessible(document: str, description: str) -> str:
    """An SVG document as an element of a page, with a title that screen readers and pointers show."""
    # Every figure has a "figure_1"; a page may not have a name twice, and nothing refers to these.
    svg = re.sub(r'<g id="[^"]*"', "<g", document[document.index("<svg") :])
    opening, inside = svg.split(">", 1)
    title = f"<title>{Markup.escape(description)}</title>"
    return f'{opening} role="img" aria-label="{Markup.escape(description)}">{title}{inside}'.replace(
        _INK, "currentColor"
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    environment.tests["numeric"] = _is_number
    return environment.get_template(_TEMPLATE)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _shown(cell: Cell) -> str:
    """A cell as text: whole numbers in full, others with four significant digits."""
    if cell is None:
        return "–"  # noqa: RUF001
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.4g}" if isinstance(cell, float) else cell
