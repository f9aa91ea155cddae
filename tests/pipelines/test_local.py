"""Running a pipeline by kfp.local: what is observed, what is cached, what a failure says."""

# A component's function returns a task while a pipeline is built.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false

from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from pipelines import local
from pipelines.local import Step, error_in, run_pipeline


@dsl.component(base_image="keelson/test", install_kfp_package=False)
def make(text: str, counter: str, made: Output[Dataset]) -> str:
    from pathlib import Path

    with Path(counter).open("a") as file:
        file.write("made ")
    Path(made.path).write_text(text)
    return text


@dsl.component(base_image="keelson/test", install_kfp_package=False)
def use(made: Input[Dataset], gate: str) -> str:
    from pathlib import Path

    if not Path(gate).exists():
        raise ValueError(f"no gate at {gate}\nopen it")
    return Path(made.path).read_text()


@dsl.component(base_image="keelson/test", install_kfp_package=False)
def left(said: str) -> str:
    return said


@dsl.component(base_image="keelson/test", install_kfp_package=False)
def right(said: str, job: str) -> str:
    return f"{said} {job}"


@dsl.pipeline(name="sample")
def sample(text: str, counter: str, gate: str) -> None:
    made = make(text=text, counter=counter)
    used = use(made=made.outputs["made"], gate=gate)
    with dsl.If(used.output == "left"):
        left(said=used.output).set_caching_options(enable_caching=False)
    with dsl.Else():
        right(said=used.output, job=dsl.PIPELINE_JOB_ID_PLACEHOLDER)


def run(folder: Path, text: str = "left") -> list[Step]:
    arguments: dict[str, Any] = {"text": text, "counter": str(folder / "counter"), "gate": str(folder / "gate")}
    return run_pipeline(sample, arguments, folder / "root", folder / "log", lambda _: None)


def outcome(steps: list[Step]) -> dict[str, str]:
    return {step.name: step.status for step in steps}


def test_a_failed_run_resumes_after_its_last_finished_step(tmp_path: Path) -> None:
    failed = run(tmp_path)
    assert outcome(failed) == {"make": "succeeded", "use": "failed"}
    assert failed[-1].error == f"ValueError: no gate at {tmp_path}/gate\nopen it"
    (tmp_path / "gate").touch()
    resumed = run(tmp_path)
    assert outcome(resumed) == {"make": "cached", "use": "succeeded", "left": "succeeded"}
    assert (tmp_path / "counter").read_text() == "made "
    assert outcome(run(tmp_path)) == {"make": "cached", "use": "cached", "left": "succeeded"}


def test_the_other_branch_runs_for_another_answer_and_is_given_the_job(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    steps = run(tmp_path, text="to the right")
    assert outcome(steps) == {"make": "succeeded", "use": "succeeded", "right": "succeeded"}
    said, job = steps[-1].parameters["Output"].rsplit(" ", 1)
    assert said == "to the right"
    assert job
    assert "{{" not in job


def test_a_step_says_when_it_ran_and_what_it_made(tmp_path: Path) -> None:
    step = run(tmp_path)[0]
    assert 0 < step.seconds < 60
    assert step.parameters == {"Output": "left"}
    assert Path(step.artifacts["made"]).read_text() == "left"


def test_changed_component_code_makes_every_cached_answer_void(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gate").touch()
    run(tmp_path)
    monkeypatch.setattr(local, "code_hash", lambda: "0" * 64)
    assert "cached" not in outcome(run(tmp_path)).values()


def test_the_code_hash_follows_every_byte_of_the_components(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "step.py").write_text("one")
    monkeypatch.setattr("components.__path__", [str(tmp_path)])
    before = local.code_hash()
    assert local.code_hash() == before
    (tmp_path / "step.py").write_text("two")
    assert local.code_hash() != before


def test_kfp_writes_to_the_log_alone_and_leaves_no_temporary_folder(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    run(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert list(temporary.iterdir()) == []
    assert [warning for warning in recwarn if warning.category is RuntimeWarning] == []
    assert "no gate at" in (tmp_path / "log").read_text()


def test_an_error_is_told_without_a_traceback_too() -> None:
    assert error_in("    Killed\n\n").endswith("it said last: Killed")
    assert error_in("").endswith("nothing")
