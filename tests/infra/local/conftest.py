"""A clone's folder with the real supervisor in it."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.layout import Layout
from infra.local.supervisor import Supervisor

ROOT = Path(__file__).parents[3]


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives ports that nobody listens on right now."""

    def ask() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return ask


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
