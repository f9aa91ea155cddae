"""Whether what was rebuilt is what was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.reproduce.plan import REBUILT, component_of, ended_by_time
from pipelines.reproduce.recorded import RecordedRun, RecordedStep


@dataclass(frozen=True)
class Difference:
    """One output of a step that is not what it was.

    Attributes:
        step: The step's name.
        output: Name of the artifact or output parameter, or ``step`` for the step itself.
        expected: Digest or value of the recorded one.
        actual: Digest or value of the rebuilt one.
    """

    step: str
    output: str
    expected: Any
    actual: Any


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a rebuilt run has in common with the recorded one.

    Attributes:
        differences: In the order of the steps.
        metrics: Metrics that differ: recorded and rebuilt value.
        compared_metrics: How many metrics were compared.
        model: Recorded and rebuilt SHA-256 of the model.
        not_compared: Rebuilt steps of which no digests were recorded.
    """

    differences: tuple[Difference, ...]
    metrics: Mapping[str, tuple[float | None, float]]
    compared_metrics: int
    model: tuple[str, str]
    not_compared: tuple[str, ...]

    @property
    def identical_model(self) -> bool:
        """Whether there is a model and its bytes are the same."""
        return bool(self.model[0]) and self.model[0] == self.model[1]

    @property
    def identical_metrics(self) -> bool:
        """Whether there are metrics and all are the same to the last bit."""
        return bool(self.compared_metrics) and not self.metrics

    @property
    def identical(self) -> bool:
        """Whether all that was recorded of the rebuilt steps is the same."""
        return self.identical_model and self.identical_metrics and not self.differences


def compared(run: RecordedRun, rebuilt: Mapping[str, Any]) -> Comparison:
    """Compare a run with what ``rebuild.rebuild`` made."""
    steps = {step["name"]: step for step in rebuilt["steps"]}
    by_time = {f"tune.{family}" for family in ended_by_time(run)}
    found: list[Difference] = []
    for name, step in steps.items():
        if step["status"] == "failed":
            found.append(Difference(name, "step", "succeeded", f"failed: {step['error']}"))
        elif name in run.steps and name not in by_time:
            found += _differences(name, run.steps[name], step)
    lost = [name for name in run.steps if name not in steps and component_of(name) in REBUILT]
    if not any(difference.output == "step" for difference in found):
        found += [Difference(name, "step", "ran", "did not run") for name in sorted(lost)]
    told: dict[str, float] = rebuilt["metrics"]
    return Comparison(
        differences=tuple(found),
        metrics={
            name: (run.metrics.get(name), value) for name, value in told.items() if run.metrics.get(name) != value
        },
        compared_metrics=len(told),
        model=(run.model_sha256, rebuilt["model_sha256"]),
        not_compared=tuple(name for name in steps if name not in run.steps or not run.steps[name].digests),
    )


def _differences(name: str, recorded: RecordedStep, rebuilt: Mapping[str, Any]) -> Sequence[Difference]:
    """Outputs that differ: artifacts by their digests, parameters by their values."""
    pairs = [(recorded.digests, rebuilt["digests"]), (recorded.parameters, rebuilt["parameters"])]
    return [
        Difference(name, output, value, after.get(output))
        for before, after in pairs
        for output, value in sorted(before.items())
        if value != after.get(output)
    ]


def sentence(run: RecordedRun, comparison: Comparison) -> str:
    """The answer for people."""
    parts = [
        f"model bytes are {_same(comparison.identical_model)}",
        f"{comparison.compared_metrics} metrics are {_same(comparison.identical_metrics)}",
    ]
    told = f"run {run.run_id}: {', '.join(parts)}"
    if not comparison.differences:
        return told
    first = comparison.differences[0]
    return (
        f"{told}; the first differing step is '{first.step}': its {first.output} is {first.actual}, "
        f"expected {first.expected}"
    )


def as_json(run: RecordedRun, comparison: Comparison, notes: Sequence[str]) -> dict[str, Any]:
    """The answer for programs."""
    first = comparison.differences[0] if comparison.differences else None
    return {
        "run_id": run.run_id,
        "identical": comparison.identical,
        "model": {
            "identical": comparison.identical_model,
            "expected": comparison.model[0],
            "actual": comparison.model[1],
        },
        "metrics": {
            "identical": comparison.identical_metrics,
            "compared": comparison.compared_metrics,
            "differing": {name: list(pair) for name, pair in comparison.metrics.items()},
        },
        "first_difference": asdict(first) if first else None,
        "differences": [asdict(difference) for difference in comparison.differences],
        "not_compared": list(comparison.not_compared),
        "notes": list(notes),
    }


def _same(identical: bool) -> str:
    return "identical" if identical else "NOT identical"
