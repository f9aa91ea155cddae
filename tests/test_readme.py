"""Each claim of the README points to a test that is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def claims() -> list[tuple[str, str, str]]:
    """(claim, name shown, file) for each proof in the table of claims."""
    table = (ROOT / "README.md").read_text().split("| claim | proof |\n")[1].split("\n\n")[0]
    rows = [line.strip("|").rsplit("|", 1) for line in table.splitlines()[1:]]
    return [
        (claim.strip(), name, file) for claim, proof in rows for name, file in re.findall(r"\[(.+?)\]\((.+?)\)", proof)
    ]


def test_there_are_claims() -> None:
    assert len(claims()) > 10


@pytest.mark.parametrize(("claim", "name", "file"), claims(), ids=lambda value: str(value)[:40])
def test_a_claim_is_proven_by_a_test_that_exists(claim: str, name: str, file: str) -> None:
    proof = ROOT / file
    files = [proof] if proof.is_file() else sorted(proof.rglob("test_*.py"))
    assert files, f"{file} holds no test for: {claim}"
    functions = {
        node.name for f in files for node in ast.walk(ast.parse(f.read_text())) if isinstance(node, ast.FunctionDef)
    }
    wanted = name if name.startswith("test_") and not name.endswith(".py") else None
    assert wanted is None or wanted in functions, f"{file} has no {name}"
    assert any(function.startswith("test_") for function in functions)


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_each_trap_is_avoided_in_a_file_that_is_there() -> None:
    named = re.findall(r"`((?:components|docs|infra|pipelines)/[^`]+)`", (ROOT / "docs" / "traps.md").read_text())
    assert len(named) > 50
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_no_trap_is_listed_without_the_way_that_it_is_avoided() -> None:
    rows = [line for line in (ROOT / "docs" / "traps.md").read_text().splitlines() if line.startswith("| ")]
    assert [row for row in rows if len([cell for cell in row.strip("|").split("|") if cell.strip()]) != 2] == []
