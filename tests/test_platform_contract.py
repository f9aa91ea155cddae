"""The halves of the project meet in names alone; these are the names."""

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.platform import Platform
from infra import outputs

ROOT = Path(__file__).parent.parent

# Which of our packages, and which tools, each folder may import. infra/local/client names are strings, not imports.
ALLOWED = {
    "components": {"components"},
    "monitoring": {"monitoring", "components"},
    "pipelines": {"pipelines", "components", "monitoring"},
    "serving": {"serving", "components"},
    "infra": {"infra"},
}
OWN = set(ALLOWED)


def imported_modules(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def sources() -> list[Path]:
    # In one order in each process: workers must find the same tests in the same places.
    return sorted(file for package in OWN for file in (ROOT / package).rglob("*.py"))


def test_outputs_and_the_platform_object_name_the_same_settings() -> None:
    exported = {output.name: output.env for output in outputs.OUTPUTS}
    read = {name: field.validation_alias for name, field in Platform.model_fields.items()}
    assert exported == read


def test_optional_settings_are_the_same_on_both_sides() -> None:
    exported = {output.name for output in outputs.OUTPUTS if output.optional}
    read = {name for name, field in Platform.model_fields.items() if not field.is_required()}
    assert exported == read


def test_secret_outputs_are_secret_in_the_platform_object_too() -> None:
    exported = {output.name for output in outputs.OUTPUTS if output.secret}
    read = {name for name, field in Platform.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert exported == read


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for output in outputs.OUTPUTS:
        monkeypatch.delenv(output.env, raising=False)
    with pytest.raises(ValidationError, match="MLFLOW_TRACKING_URI"):
        Platform()  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    package = file.relative_to(ROOT).parts[0]
    # A component's face may be that of the monitor.
    allowed = ALLOWED[package] | ({"monitoring"} if file.name == "component.py" else set())
    for module in imported_modules(file):
        top = module.split(".")[0]
        assert top not in OWN or top in allowed, f"{package} must not import {module}"
        assert top != "pulumi" or package == "infra", "only infra imports pulumi"
        assert top != "bentoml" or package == "serving", "only serving imports bentoml"
        assert top != "kfp" or package == "pipelines" or file.name == "component.py", "kfp stays in thin faces"


def environment_reads(file: Path) -> set[str]:
    """Names that a file looks up in os.environ, by subscript, get or getenv; ``?`` for a name not known here."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=name, ctx=ast.Load()):
                found.add(name.value if isinstance(name, ast.Constant) else "?")
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"), args=[name, *_]):
                found.add(name.value if isinstance(name, ast.Constant) else "?")
            case ast.Call(func=ast.Attribute(attr="getenv"), args=[name, *_]):
                found.add(name.value if isinstance(name, ast.Constant) else "?")
    return {str(name) for name in found}


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_settings_are_read_by_the_platform_object_only(file: Path) -> None:
    if file.relative_to(ROOT).parts[0] == "infra":
        return
    # TMPDIR is not a setting: it is put back after kfp's children were told another one.
    assert environment_reads(file) <= {"TMPDIR"}


def test_the_look_for_environment_reads_finds_them(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        'import os\na = os.environ["A"]\nb = os.environ.get("B")\nc = os.getenv(a)\nos.environ["D"] = "1"\n'
    )
    assert environment_reads(file) == {"A", "B", "?"}
