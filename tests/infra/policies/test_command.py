"""`python -m infra.policies` as a person and CI meet it."""

import io
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console
from typer.testing import CliRunner

from infra.policies.__main__ import main
from infra.policies.report import listing, report
from infra.policies.resource import Stack
from infra.policies.review import review
from infra.policies.rules import RULES

command = typer.Typer()
command.command()(main)
DOCS = Path(__file__).parents[3] / "docs" / "policies.md"


def told(stack: Stack) -> tuple[bool, str]:
    written = io.StringIO()
    stops = report(stack.name, RULES, review(stack), Console(file=written, width=200))
    return stops, written.getvalue()


def test_a_stack_is_named_with_the_number_of_its_violations() -> None:
    result = CliRunner().invoke(command, ["--stack", "dev"])
    assert result.exit_code == 0, result.output
    assert f"dev: {len(RULES)} rules, " in result.output


def test_an_unknown_stack_ends_with_one_sentence_that_names_the_known_ones() -> None:
    result = CliRunner().invoke(command, ["--stack", "production"])
    assert (result.exit_code, result.output) == (
        2,
        "'production' is no stack on Kubernetes; give one of dev, staging, prod, cluster.\n",
    )


def test_a_mandatory_rule_stops_and_its_sentence_is_printed(a_stack: Callable[..., Stack]) -> None:
    stops, output = told(a_stack({"postgres": {"publiclyAccessible": True}}))
    assert stops
    assert "Instance 'postgres': publiclyAccessible is true; allowed: false" in output


def test_a_rule_that_is_only_told_does_not_stop(a_stack: Callable[..., Stack]) -> None:
    stops, output = told(a_stack({"budget": {"notifications": None}}))
    assert not stops
    assert "told only" in output


def test_the_table_in_the_page_is_the_one_that_the_command_prints() -> None:
    result = CliRunner().invoke(command, ["--rules"])
    assert result.output == listing(RULES) + "\n"
    assert result.output in DOCS.read_text()
