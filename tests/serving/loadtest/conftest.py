"""The load generator on PATH, as the Makefile puts it there."""

import os

import pytest

from infra.tools.program import program


@pytest.fixture(autouse=True)
def vegeta_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = program("vegeta", group="load").parent
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
