"""Compiled modules of the locked environment, kept in the cache for the next clone.

Python compiles a module when it is first imported. In a fresh environment that is a third of the time until the stack
is up. uv's cache holds no compiled modules, and compiling all of them takes longer than what is saved, so the ones
that a running stack did import are kept. Python itself checks that a compiled module fits its source (by time and
size, which uv's links preserve); one that does not is compiled anew.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra.tools.cache import Cache


def restore(clone: Path, cache: Cache) -> int:
    """Link kept modules into the clone's new environment; returns how many."""
    store, packages = _store(clone, cache), _packages(clone)
    return 0 if packages is None or not store.is_dir() else _link_all(store, packages)


def keep(clone: Path, cache: Cache) -> int:
    """Keep what the clone's environment has compiled, unless something is kept for its lock; returns how many."""
    store, packages = _store(clone, cache), _packages(clone)
    if packages is None or store.is_dir():
        return 0
    store.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.parent, prefix=".staged-") as staged:
        kept = _link_all(packages, Path(staged) / "packages")
        try:
            (Path(staged) / "packages").rename(store)
        except OSError:
            # Another clone was faster; its modules are as good.
            return 0
    return kept


def _store(clone: Path, cache: Cache) -> Path:
    lock = hashlib.sha256((clone / "uv.lock").read_bytes()).hexdigest()[:16]
    return cache.root / "bytecode" / f"{lock}-{sys.implementation.cache_tag}"


def _packages(clone: Path) -> Path | None:
    return next(iter((clone / ".venv" / "lib").glob("python*/site-packages")), None)


def _link_all(source: Path, target: Path) -> int:
    done = 0
    for file in _compiled(source):
        link = target / file.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            _link(file, link)
            done += 1
    return done


def _compiled(folder: Path) -> Iterator[Path]:
    yield from folder.rglob(f"__pycache__/*.{sys.implementation.cache_tag}.pyc")


def _link(file: Path, link: Path) -> None:
    try:
        os.link(file, link)
    except OSError:
        # The cache is on another file system.
        shutil.copy2(file, link)
