"""What a component's code consists of: its own folder, and every module of the project that is imported from there.

Found by reading, not by importing: ``ast`` sees the imports inside functions too. A module counts by what it means: a
comment, a docstring or a line break is no change of the code, because it can change nothing that the code does. What
people see of a docstring, on a page of KFP, is in the compiled definition.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_PACKAGES = ("components", "pipelines", "serving", "monitoring")
# The table of versions itself, and the image's name that a run replaces: neither changes what a component does.
_LEFT_OUT = ("components/versions.py", "components/image.py")
_PYTHON = ".py"
_COMPILED = "__pycache__"


def sources(folder: Path, root: Path = ROOT) -> Mapping[str, str]:
    """Digests of the files that a component's code consists of, by path below ``root``, sorted.

    Args:
        folder: The component's folder. Files in it whose names begin with a dot are tools', and do not count.
        root: Folder of the project's packages.
    """
    own = [file for file in folder.rglob("*") if _counts(file)]
    modules = _closure([file for file in own if file.suffix == _PYTHON], root)
    files = {*own, *modules, *(data for module in modules for data in _data_of(module, root))}
    named = {file.relative_to(root).as_posix(): file for file in files}
    return {name: digest(named[name]) for name in sorted(named) if name not in _LEFT_OUT}


def digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal: of Python what it means, of any other its bytes."""
    if file.suffix == _PYTHON:
        return _digest_of_meaning(file.read_text(encoding="utf-8"))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _counts(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".") and _COMPILED not in file.parts


def _closure(files: Iterable[Path], root: Path) -> set[Path]:
    """The files, and all of the project's modules that they import, directly or not."""
    found: set[Path] = set()
    waiting = [*files]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_imported(file, root))
    return found


def _imported(file: Path, root: Path) -> Iterator[Path]:
    """Files of the project's modules that a file imports, and of the packages that they and it are in."""
    package = file.relative_to(root).parts[:-1]
    names = [".".join(package)]
    for level, module, attributes in _imports(file.read_text(encoding="utf-8")):
        above = package[: len(package) - level + 1] if level else ()
        whole = ".".join([*above, *([module] if module else [])])
        # What is imported from a package may be one of its modules.
        names += [whole, *(f"{whole}.{attribute}" for attribute in attributes)]
    for prefix in sorted({prefix for name in names for prefix in _prefixes(name)}):
        path = root.joinpath(*prefix.split("."))
        yield from (module for module in (path.with_suffix(_PYTHON), path / "__init__.py") if module.is_file())


@cache
def _imports(text: str) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
    """Imports in a module's text: dots before the name, the name, and what is taken from it."""
    found: list[tuple[int, str, tuple[str, ...]]] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
    return tuple(found)


def _prefixes(name: str) -> Iterator[str]:
    """``a.b.c`` is imported as ``a``, then ``a.b``, then ``a.b.c``."""
    parts = name.split(".")
    if parts[0] in _PACKAGES:
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _data_of(module: Path, root: Path) -> Iterator[Path]:
    """Files that a module reads: those named like it, and in a folder of one subject any that is not Python."""
    of_one_subject = len(module.relative_to(root).parts) > 2
    for file in module.parent.iterdir():
        if _counts(file) and file.suffix != _PYTHON and (of_one_subject or file.stem.split(".")[0] == module.stem):
            yield file


@cache
def _digest_of_meaning(text: str) -> str:
    return hashlib.sha256(_meaning(ast.parse(text)).encode()).hexdigest()


def _meaning(node: Any) -> str:
    """A tree as text, the same on each version of Python: without places, docstrings, and what is absent or empty."""
    if isinstance(node, list):
        return "[" + ",".join(_meaning(one) for one in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _has_docstring(node):
        fields["body"] = node.body[1:]
    return type(node).__name__ + "(" + ",".join(f"{name}={_meaning(value)}" for name, value in fields.items()) + ")"


def _has_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None
