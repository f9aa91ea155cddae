"""The training graph: it compiles, the same each time, and what it ships runs alone."""

import ast
import builtins
import dis
import json
import re
import types
from typing import Any

import pytest
import yaml
from kfp import compiler

from components.versions import COMPONENT_VERSIONS
from pipelines.features import features
from pipelines.monitoring import monitoring
from pipelines.scoring import scoring
from pipelines.training import training

PIPELINES = (training, features, scoring, monitoring)
# Parts of the graph that are no steps.
GROUPS = ("comp-condition", "comp-for-loop")


def executors(pipeline: Any) -> dict[str, Any]:
    """What a pipeline runs, by the name of the step; one that stands twice in the graph is there once."""
    found = pipeline.pipeline_spec.deployment_spec["executors"]
    return {re.sub(r"-\d+$", "", name.removeprefix("exec-")).replace("-", "_"): found[name] for name in found}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("ir") / "training.yaml"
    compiler.Compiler().compile(training, str(file))  # pyright: ignore[reportArgumentType]
    return yaml.safe_load(file.read_text())


def test_every_step_has_a_version_and_every_version_a_step() -> None:
    steps = {step for pipeline in PIPELINES for step in executors(pipeline)}
    assert steps == set(COMPONENT_VERSIONS)


def test_only_steps_that_read_or_write_shared_state_are_never_cached(compiled: dict[str, Any]) -> None:
    tasks = dict(compiled["root"]["dag"]["tasks"])
    for component in compiled["components"].values():
        tasks |= component.get("dag", {}).get("tasks", {})
    names = {task["componentRef"]["name"]: task for task in tasks.values()}
    steps = {name.removeprefix("comp-"): task for name, task in names.items() if not name.startswith(GROUPS)}
    uncached = {name for name, task in steps.items() if not task.get("cachingOptions", {}).get("enableCache")}
    shared = {"detect-skew", "materialize", "check-parity", "compare", "register", "reject", "record-skew"}
    assert {re.sub(r"-\d+$", "", name) for name in uncached} == shared | {"refuse"}


def shipped() -> list[tuple[str, str]]:
    steps = {name: spec for pipeline in PIPELINES for name, spec in executors(pipeline).items()}
    return [(name, str(spec["container"]["command"][-1])) for name, spec in sorted(steps.items())]


@pytest.mark.parametrize(("name", "source"), shipped())
def test_the_shipped_source_of_a_component_needs_nothing_from_its_module(name: str, source: str) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(source, name, "exec"), namespace)
    function = namespace[name]
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
    function = namespace[name]
    text = "\n".join(source.splitlines()[function.__code__.co_firstlineno - 1 :])
    body = ast.parse(text).body[0].body  # pyright: ignore[reportAttributeAccessIssue]
    statements = [s for s in body[1:] if not isinstance(s, ast.Import | ast.ImportFrom)]
    assert len(statements) <= 10, json.dumps([ast.unparse(s) for s in statements])
