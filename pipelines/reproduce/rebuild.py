"""``python -m pipelines.reproduce.rebuild``: run the training pipeline of this commit again, apart from everything.

Reads a ``plan.Rebuild`` as JSON from stdin and prints what was made as one JSON line. Its own module, because it is
the code of the run's commit that must do it, while the code that asks is today's.
"""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
import ast
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.local import status, task_dispatcher
from kfp.pipeline_spec import pipeline_spec_pb2

from components.model import verified_hash
from components.recording import flat_metrics
from pipelines.local import run_pipeline
from pipelines.observation import Step
from pipelines.reproduce.plan import ANSWERED, NO_LIMIT_SECONDS, REBUILT, Rebuild, component_of
from pipelines.training import training

# Generated code, of which type checkers know nothing.
_Type: Any = pipeline_spec_pb2.ParameterType.ParameterTypeEnum  # pyright: ignore[reportAttributeAccessIssue]
# What an output is whose value was not recorded.
_NOTHING: Mapping[Any, Any] = {
    _Type.NUMBER_INTEGER: 0,
    _Type.NUMBER_DOUBLE: 0.0,
    _Type.STRING: "",
    _Type.BOOLEAN: False,
    _Type.LIST: [],
    _Type.STRUCT: {},
}


def rebuild(asked: Rebuild) -> dict[str, Any]:
    """Run the steps that are rebuilt in a folder without a cache.

    Returns:
        ``steps`` in their order (name, status, parameters, digests, error), ``metrics`` as they are logged, and
        ``model_sha256`` of the chosen model; the last two are empty where the pipeline did not get so far.
    """
    folder = Path(asked.folder)
    with _answered(asked):
        steps = run_pipeline(
            training, arguments(asked.arguments), folder / "root", folder / "log", _print_step, lambda _: None
        )
    told = {
        "steps": [_told(step) for step in steps if component_of(step.name) in REBUILT],
        "metrics": {},
        "model_sha256": "",
    }
    made = {name: path for step in steps for name, path in step.artifacts.items() if component_of(step.name) in REBUILT}
    if "metrics" in made:
        told["metrics"] = flat_metrics(json.loads(Path(made["metrics"]).read_text(encoding="utf-8")))
    # Of several models the last one is that which was selected.
    if "model" in made:
        told["model_sha256"] = verified_hash(Path(made["model"]))
    return told


def arguments(given: Mapping[str, str]) -> dict[str, Any]:
    """The pipeline's arguments from the text that MLflow keeps of them; others are left to their defaults.

    Raises:
        SystemExit: One without a default was not recorded.
    """
    specification: Any = training.pipeline_spec  # pyright: ignore[reportFunctionMemberAccess]
    known = specification.root.input_definitions.parameters
    lacking = sorted(name for name, one in known.items() if name not in given and not one.is_optional)
    if lacking:
        sys.exit(f"the run's arguments were not recorded: {', '.join(lacking)}; only runs by pipelines.run have them")
    return {name: _value(text, known[name].parameter_type) for name, text in given.items() if name in known}


def _value(text: str, kind: Any) -> Any:
    """A value that was logged as Python writes it."""
    if kind == _Type.NUMBER_DOUBLE:
        return float(text)
    return text if kind == _Type.STRING else ast.literal_eval(text)


@contextmanager
def _answered(asked: Rebuild) -> Iterator[None]:
    """Answer steps that are not to be run, instead of kfp.local starting their processes."""
    launch = task_dispatcher.run_single_task_implementation

    def answer(**call: Any) -> Any:
        component = component_of(call["component_name"].removeprefix("comp-").replace("-", "_"))
        if component in ANSWERED:
            return _outputs(call["component_spec"], asked.answers.get(component, {})), status.Status.SUCCESS
        if component not in REBUILT:
            raise ValueError(f"pipelines/reproduce/plan.py does not say whether '{component}' is run again")
        given = call["arguments"]
        if component == "tune" and given["family"] in asked.trials:
            given = given | {"trials": asked.trials[given["family"]], "seconds": NO_LIMIT_SECONDS}
        return launch(**call | {"arguments": given})

    task_dispatcher.run_single_task_implementation = answer
    try:
        yield
    finally:
        task_dispatcher.run_single_task_implementation = launch


def _outputs(component: Any, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of a step that is not run: parameters as recorded, and artifacts that nobody may read."""
    definitions = component.output_definitions
    parameters = {
        name: recorded.get(name, _NOTHING[one.parameter_type]) for name, one in definitions.parameters.items()
    }
    return parameters | {name: dsl.Artifact(name=name, uri="not-rebuilt") for name in definitions.artifacts}


def _told(step: Step) -> dict[str, Any]:
    names = ("name", "status", "parameters", "digests", "error")
    return {name: getattr(step, name) for name in names}


def _print_step(step: Step) -> None:
    how = "from the record" if component_of(step.name) in ANSWERED else step.status
    sys.stderr.write(f"{step.name:28} {how:16} {step.seconds:6.1f} s\n")
    sys.stderr.flush()


if __name__ == "__main__":
    print(json.dumps(rebuild(Rebuild(**json.load(sys.stdin))), default=str))
