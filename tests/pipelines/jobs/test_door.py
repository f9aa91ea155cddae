"""Asking for a run whose steps are Jobs: what is made of the stack's template, and what is refused before."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from pipelines import run, submit
from pipelines.jobs.door import run_job
from pipelines.requests import TrainingRequest


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert submit.main([*arguments]) == 1
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_run_is_the_templates_job_with_its_own_arguments(template: Mapping[str, Any]) -> None:
    before = json.dumps(template)
    made = run_job(template, "training-1", ["training", "--rows", "3000"], None)
    kubernetes_validate.validate(made, "1.36", strict=True)
    (container,) = made["spec"]["template"]["spec"]["containers"]
    (own,) = template["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container == {**own, "args": ["training", "--rows", "3000"]}
    assert (made["metadata"]["name"], made["metadata"]["namespace"]) == ("training-1", "pipelines")
    assert json.dumps(template) == before


def test_a_run_may_be_of_another_image(template: Mapping[str, Any]) -> None:
    made = run_job(template, "training-1", ["training"], "registry.example.org/keelson/components:0.2.0")
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.org/keelson/components:0.2.0"


def test_the_template_by_itself_is_a_training_that_its_program_takes(template: Mapping[str, Any]) -> None:
    (own,) = template["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert own["command"] == ["python", "-m", "pipelines.jobs.orchestrate"]
    assert run.parse(own["args"]) == TrainingRequest()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--schedule", "0 3 * * 1"), "set pipelines.schedule of the stack"),
        (("--as-version", "1.0.0"), "leave --as-version out"),
        (("--param", "row=3"), "takes no 'row'"),
        (("--param", "rows=many"), "rows=many was given; give a whole number"),
    ],
)
def test_what_cannot_be_is_refused_before_kubernetes_is_asked(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in told(capsys, "training", "--endpoint", "jobs", *arguments)["error"]


def test_without_a_kubernetes_one_sentence_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    said = told(capsys, "training", "--endpoint", "jobs")["error"]
    assert "no Kubernetes is known here" in said
    assert "Set KUBECONFIG" in said
