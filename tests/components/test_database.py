"""Locks in the pipelines' database."""

import os
import subprocess
import sys

import pytest
from sqlalchemy import text

from components.database import alone, open_engine
from components.platform import Platform


def test_a_name_is_locked_for_all_but_its_holder(platform: Platform) -> None:
    engine = open_engine(platform)
    with alone(engine, "this") as held:
        assert held is not None
        with alone(engine, "this", wait=False) as second:
            assert second is None
        with alone(engine, "that", wait=False) as other:
            assert other is not None
    with alone(engine, "this", wait=False) as again:
        assert again is not None


def test_a_name_is_free_as_soon_as_the_block_has_ended(platform: Platform) -> None:
    engine = open_engine(platform)
    for _ in range(200):
        with alone(engine, "this", wait=False) as held:
            assert held is not None


def test_a_connection_that_breaks_in_the_block_hides_nothing_and_frees_the_name(platform: Platform) -> None:
    engine = open_engine(platform)

    def breaks() -> None:
        with alone(engine, "this") as held, engine.connect() as other:
            assert held is not None
            mine = held.execute(text("SELECT pg_backend_pid()")).scalar()
            other.execute(text("SELECT pg_terminate_backend(:mine)"), {"mine": mine})
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        breaks()
    with alone(engine, "this") as again:
        assert again is not None


def test_a_connection_that_is_known_to_be_broken_hides_nothing_and_frees_the_name(platform: Platform) -> None:
    engine = open_engine(platform)

    def breaks() -> None:
        with alone(engine, "this") as held:
            assert held is not None
            held.execute(text("SELECT 1"))
            held.invalidate()
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        breaks()
    with alone(engine, "this") as again:
        assert again is not None


def test_a_killed_holder_holds_nothing(platform: Platform) -> None:
    program = (
        "import sys, time\nfrom sqlalchemy import create_engine\nfrom components.database import alone\n"
        "with alone(create_engine(sys.argv[1]), 'this'):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    url = platform.pipelines_database.get_secret_value()
    holder = subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, env=dict(os.environ))
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with alone(open_engine(platform), "this", wait=False) as lock:
        assert lock is None
    holder.kill()
    holder.wait()
    with alone(open_engine(platform), "this") as lock:
        assert lock is not None


def test_what_the_block_raises_comes_out_and_frees_the_name(platform: Platform) -> None:
    engine = open_engine(platform)

    def fails() -> None:
        with alone(engine, "this"):
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fails()
    with alone(engine, "this", wait=False) as lock:
        assert lock is not None
