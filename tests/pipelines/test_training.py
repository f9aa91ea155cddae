"""The training graph: it compiles, the same each time, and what it ships runs alone."""

import ast
import builtins
import dis
import json
import types
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.versions import COMPONENT_VERSIONS
from pipelines.compile import compile_all
from pipelines.training import training


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return yaml.safe_load(compile_all(tmp_path_factory.mktemp("ir"))[0].read_text())


def test_compiling_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (compile_all(tmp_path / name)[0].read_bytes() for name in ("one", "two"))
    assert first == second


def test_every_step_has_a_version_and_every_version_a_step(compiled: dict[str, Any]) -> None:
    steps = {name.removeprefix("exec-").replace("-", "_") for name in compiled["deploymentSpec"]["executors"]}
    assert steps == set(COMPONENT_VERSIONS)


def test_only_steps_that_read_or_write_shared_state_are_never_cached(compiled: dict[str, Any]) -> None:
    tasks = dict(compiled["root"]["dag"]["tasks"])
    for component in compiled["components"].values():
        tasks |= component.get("dag", {}).get("tasks", {})
    names = {task["componentRef"]["name"]: task for task in tasks.values()}
    steps = {name.removeprefix("comp-"): task for name, task in names.items() if "condition" not in name}
    uncached = {name for name, task in steps.items() if not task.get("cachingOptions", {}).get("enableCache")}
    assert uncached == {"materialize", "compare", "register", "reject"}


def shipped() -> list[tuple[str, str]]:
    executors = training.pipeline_spec.deployment_spec["executors"]  # pyright: ignore[reportFunctionMemberAccess]
    return [(name, str(spec["container"]["command"][-1])) for name, spec in executors.items()]


@pytest.mark.parametrize(("name", "source"), shipped())
def test_the_shipped_source_of_a_component_needs_nothing_from_its_module(name: str, source: str) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(source, name, "exec"), namespace)
    function = namespace[name.removeprefix("exec-").replace("-", "_")]
    assert isinstance(function, types.FunctionType)
    used = {line.argval for line in dis.get_instructions(function) if line.opname == "LOAD_GLOBAL"}
    assert used <= namespace.keys() | vars(builtins).keys()


def test_no_step_installs_anything(compiled: dict[str, Any]) -> None:
    for executor in compiled["deploymentSpec"]["executors"].values():
        assert "pip" not in " ".join(executor["container"]["command"][:-1])


@pytest.mark.parametrize(("name", "source"), shipped())
def test_a_component_is_thin(name: str, source: str) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(source, name, "exec"), namespace)
    function = namespace[name.removeprefix("exec-").replace("-", "_")]
    text = "\n".join(source.splitlines()[function.__code__.co_firstlineno - 1 :])
    body = ast.parse(text).body[0].body  # pyright: ignore[reportAttributeAccessIssue]
    statements = [s for s in body[1:] if not isinstance(s, ast.Import | ast.ImportFrom)]
    assert len(statements) < 10, json.dumps([ast.unparse(s) for s in statements])
