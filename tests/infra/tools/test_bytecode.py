"""Compiled modules travel from one clone's environment to the next, and never make it run old code."""

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from infra.tools import bytecode
from infra.tools.cache import Cache

PACKAGES = Path("lib") / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def a_clone(folder: Path, *, lock: str = "lock", source: str = "answer = 42\n") -> Path:
    """A clone whose environment has one package, its files dated alike as uv's links are."""
    package = folder / ".venv" / PACKAGES / "package"
    package.mkdir(parents=True)
    (folder / "uv.lock").write_text(lock)
    module = package / "module.py"
    module.write_text(source)
    os.utime(module, (1_700_000_000, 1_700_000_000))
    return folder


def module(clone: Path) -> Path:
    return clone / ".venv" / PACKAGES / "package" / "module.py"


def compiled(clone: Path) -> Path:
    return module(clone).parent / "__pycache__" / f"module.{sys.implementation.cache_tag}.pyc"


def answer(clone: Path) -> str:
    """What the module says, and whether Python took the compiled one: it does not write then."""
    command = [sys.executable, "-B", "-v", "-c", "import package.module; print(package.module.answer)"]
    environment = {**os.environ, "PYTHONPATH": str(clone / ".venv" / PACKAGES)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    taken = f"# {compiled(clone)} matches {module(clone)}" in done.stderr
    return f"{done.stdout.strip()} {'compiled' if taken else 'source'}"


def test_the_next_clone_runs_what_the_first_compiled(tmp_path: Path, cache: Cache) -> None:
    first, second = a_clone(tmp_path / "first"), a_clone(tmp_path / "second")
    py_compile.compile(str(module(first)))
    assert bytecode.keep(first, cache) == 1
    assert answer(second) == "42 source"
    assert bytecode.restore(second, cache) == 1
    assert answer(second) == "42 compiled"


def test_a_module_that_differs_is_not_taken_for_the_kept_one(tmp_path: Path, cache: Cache) -> None:
    first, changed = a_clone(tmp_path / "first"), a_clone(tmp_path / "changed", source="answer = 4321\n")
    py_compile.compile(str(module(first)))
    bytecode.keep(first, cache)
    bytecode.restore(changed, cache)
    assert answer(changed) == "4321 source"


def test_each_lock_has_its_own(tmp_path: Path, cache: Cache) -> None:
    first, other = a_clone(tmp_path / "first"), a_clone(tmp_path / "other", lock="another lock")
    py_compile.compile(str(module(first)))
    bytecode.keep(first, cache)
    assert bytecode.restore(other, cache) == 0


def test_what_is_kept_stays_when_the_first_clone_goes_or_compiles_anew(tmp_path: Path, cache: Cache) -> None:
    first, second = a_clone(tmp_path / "first"), a_clone(tmp_path / "second")
    py_compile.compile(str(module(first)))
    bytecode.keep(first, cache)
    module(first).write_text("answer = 0\n")
    py_compile.compile(str(module(first)))
    assert bytecode.keep(first, cache) == 0
    bytecode.restore(second, cache)
    assert answer(second) == "42 compiled"


def test_nothing_to_keep_or_to_restore_is_no_error(tmp_path: Path, cache: Cache) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "uv.lock").write_text("lock")
    assert (bytecode.keep(clone, cache), bytecode.restore(clone, cache)) == (0, 0)
