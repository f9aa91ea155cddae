"""Which of the project's modules a module needs to run: what goes into a bundle besides the model."""

import ast
from pathlib import Path


def needed_files(entry: str, root: Path) -> list[Path]:
    """The files of ``entry`` and of all modules under ``root`` that it imports, directly or not, also in functions.

    Args:
        entry: Dotted name of a module, e.g. ``serving.service``.
        root: Folder that holds the top-level packages.

    Returns:
        Paths relative to ``root``, sorted, with the ``__init__.py`` of each package on the way.
    """
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        file = _file(name, root)
        if name in found or file is None:
            continue
        found[name] = file
        waiting += _imported((root / file).read_text(encoding="utf-8"))
        waiting += [name.rpartition(".")[0]] if "." in name else []
    return sorted(found.values())


def _file(name: str, root: Path) -> Path | None:
    path = Path(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if (root / file).is_file()), None)


def _imported(source: str) -> list[str]:
    """Every dotted name that could be a module: ``from a import b`` gives ``a`` and ``a.b``."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names
