"""Where the source tree says versions: the table of components, and ``VERSION`` in each pipeline's module."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from pipelines.versioning.definitions import DefinitionError, pipeline_modules
from pipelines.versioning.sources import ROOT
from pipelines.versioning.version import Version

_TABLE = "COMPONENT_VERSIONS"
_LITERAL = re.compile(rf"^({_TABLE}[^=]*= ){{.*?^}}", re.DOTALL | re.MULTILINE)
_VERSION = re.compile(r'^VERSION = "[^"]*"', re.MULTILINE)


def component_versions(root: Path = ROOT) -> dict[str, Version]:
    """Versions of components, by name.

    Raises:
        ValueError: A version is not three numbers with dots.
    """
    tree = ast.parse(_table(root).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == _TABLE and node.value is not None:
            return {name: Version.parse(text) for name, text in ast.literal_eval(node.value).items()}
    raise DefinitionError(f"{_table(root).name} has no table {_TABLE}")


def pipeline_versions(root: Path = ROOT) -> dict[str, Version]:
    """Versions of pipelines, by name. Raises as ``component_versions``."""
    return {module.name: Version.parse(module.version) for module in pipeline_modules(root)}


def write_component_versions(versions: Mapping[str, Version], root: Path = ROOT) -> None:
    """Write the table, sorted by name; the rest of its module stays."""
    rows = "".join(f'    "{name}": "{versions[name]}",\n' for name in sorted(versions))
    file = _table(root)
    file.write_text(_LITERAL.sub(rf"\g<1>{{\n{rows}}}", file.read_text(encoding="utf-8")), encoding="utf-8")


def write_pipeline_version(name: str, version: Version, root: Path = ROOT) -> None:
    """Write the version of one pipeline into its module; the rest of it stays."""
    (module,) = [one for one in pipeline_modules(root) if one.name == name]
    text = module.file.read_text(encoding="utf-8")
    module.file.write_text(_VERSION.sub(f'VERSION = "{version}"', text), encoding="utf-8")


def _table(root: Path) -> Path:
    return root / "components" / "versions.py"
