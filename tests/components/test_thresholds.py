"""The product's page is where every threshold comes from, so page and constants agree."""

import ast
import re
from pathlib import Path

import pytest

from components import thresholds

ROOT = Path(__file__).parents[2]
HEADING = "## Thresholds and budgets"


def table() -> dict[str, tuple[str, str, str]]:
    """Value, meaning and reason of each name in the page's last table."""
    section = (ROOT / "docs" / "product.md").read_text(encoding="utf-8").split(HEADING)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    names = [row[0].strip("`") for row in rows]
    assert len(set(names)) == len(names)
    return {name: (row[1], row[2], row[3]) for name, row in zip(names, rows, strict=True)}


def constants() -> dict[str, object]:
    return {name: value for name, value in vars(thresholds).items() if re.fullmatch(r"[A-Z][A-Z0-9_]*", name)}


def test_the_page_names_every_threshold_and_no_other() -> None:
    assert set(table()) == set(constants())


@pytest.mark.parametrize("name", sorted(constants()))
def test_a_threshold_has_the_value_of_the_page(name: str) -> None:
    told, value = ast.literal_eval(table()[name][0]), constants()[name]
    assert (type(told), told) == (type(value), value)


@pytest.mark.parametrize("name", sorted(constants()))
def test_a_threshold_has_a_meaning_and_a_reason(name: str) -> None:
    _, meaning, why = table()[name]
    assert min(len(meaning), len(why)) > 5


def test_the_empty_template_has_the_sections_of_the_page() -> None:
    pages = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("product.md", "product-template.md")]
    sections = [[line for line in page.splitlines() if line.startswith("## ")] for page in pages]
    assert sections[0] == sections[1]
