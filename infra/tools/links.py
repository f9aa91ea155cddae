"""What a clone keeps of the search: links in ``.local/bin`` and the record ``.local/tools.json``."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.tools.find import Found

_DYNAMIC_PROVIDER = "pulumi-resource-pulumi-python"


def write_links(clone: Path, found: Iterable[Found]) -> None:
    """Make ``.local/bin`` show exactly the found tools, and the script by which Pulumi runs dynamic resources."""
    folder = clone / ".local" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Path] = {}
    own = False
    for tool in found:
        wanted |= tool.programs
        own = own or (tool.name == "pulumi" and tool.way != "PATH")
        if tool.home:
            wanted[f"{tool.name}-home"] = tool.home
    for entry in folder.iterdir():
        if entry.name not in (*wanted, _DYNAMIC_PROVIDER):
            entry.unlink()
    for name, target in wanted.items():
        _link(folder / name, target, hard=name == "pulumi" and own)
    _script(folder / _DYNAMIC_PROVIDER, clone / ".venv" / "bin" / "python")


def read_record(clone: Path) -> dict[str, Any]:
    """The record of the last install; empty when there is none that can be read."""
    try:
        record = json.loads((clone / ".local" / "tools.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(clone: Path, found: Iterable[Found], seen: Mapping[str, str], absent: Mapping[str, float]) -> None:
    """Write the record.

    Args:
        clone: The clone's root.
        found: The tools.
        seen: Versions of programs on PATH, by the program's state.
        absent: When (seconds since 1970) an optional tool was last looked for in vain.
    """
    record = {
        "tools": {
            tool.name: {
                "version": tool.version,
                "way": tool.way,
                "programs": {name: str(path) for name, path in tool.programs.items()},
                **({"home": str(tool.home)} if tool.home else {}),
            }
            for tool in found
        },
        "seen": dict(seen),
        "absent": dict(absent),
    }
    _replace(clone / ".local" / "tools.json", json.dumps(record, indent=2) + "\n", 0o644)


def _link(link: Path, target: Path, *, hard: bool) -> None:
    """Link to a program. A hard link makes Pulumi take what stands beside it for its own plugins, without warnings."""
    if hard and link.exists() and link.samefile(target) and not link.is_symlink():
        return
    if not hard and link.is_symlink() and link.readlink() == target:
        return
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    try:
        new.hardlink_to(target) if hard else new.symlink_to(target)
    except OSError:
        # The cache is on another file system.
        new.symlink_to(target)
    # Renaming one hard link onto another of the same file does nothing.
    link.unlink(missing_ok=True)
    new.replace(link)


def _script(path: Path, python: Path) -> None:
    text = f'#!/bin/sh\nexec {shlex.quote(str(python))} -u -m pulumi.dynamic "$@"\n'
    if not (path.is_file() and os.access(path, os.X_OK) and path.read_text() == text):
        _replace(path, text, 0o755)


def _replace(path: Path, text: str, mode: int) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)
