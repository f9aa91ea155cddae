"""A page stands alone, shows what it is given as text, and is the same each time."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from components.page import Section, Table, figure, render


def a_figure(description: str = "Something that rises"):
    return figure(
        lambda axes: axes.plot([1, 2, 3], [1, 4, 9], label="$ & <x>") and axes.legend(), **SIZE, description=description
    )


SIZE = {"width": 4.0, "height": 2.0}


class Links(HTMLParser):
    """Collects all that a page would load, and the names in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.names: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.loaded += [str(values[key]) for key in ("src", "href", "xlink:href") if key in values]
        self.names += [str(values["id"])] if "id" in values else []


def read(page: str) -> Links:
    links = Links()
    links.feed(page)
    return links


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    page = render("A page", [Section(heading=f"Part {n}", figure=a_figure(f"Figure {n}")) for n in range(5)])
    found = read(page)
    assert all(target.startswith("#") for target in found.loaded)
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert not re.search(r"url\((?!#)", page)


def test_no_name_occurs_twice_in_a_page_of_several_figures() -> None:
    found = read(render("A page", [Section(heading="Part", figure=a_figure(f"Figure {n}")) for n in range(3)]))
    assert sorted(set(found.names)) == sorted(found.names)


def test_what_a_page_is_given_is_shown_as_text() -> None:
    hostile = "<script>alert(1)</script>"
    table = Table(columns=[hostile], rows=[[hostile]])
    page = render(hostile, [Section(heading=hostile, text=hostile, table=table, figure=a_figure(hostile))])
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") >= 6


def test_the_same_input_gives_the_same_bytes() -> None:
    first, second = (render("A page", [Section(heading="Part", figure=a_figure())]) for _ in range(2))
    assert first == second


def test_a_figure_is_sound_xml_with_a_title_for_those_who_cannot_see_it() -> None:
    svg = ElementTree.fromstring(a_figure('A "curve" & more <x>'))
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"] == svg[0].text == 'A "curve" & more <x>'


def test_a_figure_takes_the_colour_of_the_text_around_it() -> None:
    assert "currentColor" in a_figure()
    assert "#000000" not in a_figure()


def test_dollar_signs_are_shown_as_they_are() -> None:
    svg = figure(lambda axes: axes.set_xlabel("from $5 to $9 a ride") and None, **SIZE, description="Fares")
    assert "from $5 to $9 a ride</text>" in svg


def test_a_row_that_does_not_fit_its_table_is_refused() -> None:
    with pytest.raises(ValueError, match="3 cells, but the table has 2 columns"):
        Table(columns=["a", "b"], rows=[[1, 2, 3]])


@pytest.mark.parametrize(
    ("cell", "shown"),
    [(1234567, "1,234,567"), (0.000012345, "1.234e-05"), (1234.5678, "1,235"), (None, "–"), (True, "yes"), ("x", "x")],  # noqa: RUF001
)
def test_cells_are_shown_as_people_write_them(cell: object, shown: str) -> None:
    page = render("A page", [Section(heading="Part", table=Table(columns=["a"], rows=[[cell]]))])  # pyright: ignore[reportArgumentType]
    assert re.search(rf"<td[^>]*>{re.escape(shown)}</td>", page)
