"""A module that runs beside a block: what is told of both, however each of them ends."""

import time
from pathlib import Path
from typing import Any

import pytest

from infra.local import client
from infra.local.layout import Layout

SAYS = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
open("began", "w").close()
try:
    signal.pause()
finally:
    print('{"asked": 3}')
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A clone with two modules: one says something when it is told to stop, the other ends at once."""
    (tmp_path / "says.py").write_text(SAYS)
    (tmp_path / "ends.py").write_text("raise SystemExit(3)")
    return Layout(tmp_path)


def wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.01)


def test_what_the_module_says_last_is_known_after_the_block(layout: Layout) -> None:
    said: dict[str, Any] = {}
    with client.beside(layout, said, "says"):
        wait_for(layout.root / "began")
    assert said == {"asked": 3}


def test_a_module_that_ended_without_a_word_is_named(layout: Layout) -> None:
    with pytest.raises(client.ClientFailed, match="python -m ends"), client.beside(layout, {}, "ends"):
        pass


def test_what_went_wrong_in_the_block_is_not_hidden_by_a_module_that_ended_too(layout: Layout) -> None:
    with pytest.raises(ValueError, match="the block's own"), client.beside(layout, {}, "ends"):
        raise ValueError("the block's own")
