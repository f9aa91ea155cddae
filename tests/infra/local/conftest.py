"""A clone's folder with the real supervisor in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.layout import Layout
from infra.local.supervisor import Supervisor

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Layout]:
    """A clone whose code the launcher can import, with the tools of this one; what was started in it is ended."""
    made = Layout(tmp_path)
    (tmp_path / "infra").symlink_to(ROOT / "infra")
    made.local.mkdir()
    made.bin.symlink_to(ROOT / ".local" / "bin")
    yield made
    Supervisor(made).shut_down()


@pytest.fixture
def supervised(clone: Layout) -> Supervisor:
    """The clone's supervisor, running."""
    started = Supervisor(clone)
    started.ensure_running()
    return started
