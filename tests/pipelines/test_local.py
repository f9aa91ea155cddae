"""Running a pipeline by kfp.local: what is observed, what is cached, what a failure says."""

# A component's function returns a task while a pipeline is built.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from components.artifacts import ArtifactIntegrityError
from pipelines import local, local_cache
from pipelines.launching import Ended
from pipelines.local import run_pipeline
from pipelines.observation import Step, error_in


@dsl.component(base_image="keelson/test", install_kfp_package=False)
def make(text: str, counter: str, made: Output[Dataset]) -> str:
    from pathlib import Path

    from components.artifacts import publish

    with Path(counter).open("a") as file:
        file.write("made ")
    with publish(made) as path:
        path.write_text(text)
    return text


@dsl.component(base_image="keelson/test", install_kfp_package=False)
def use(made: Input[Dataset], gate: str) -> str:
    from pathlib import Path

    from components.artifacts import read

    if not Path(gate).exists():
        raise ValueError(f"no gate at {gate}\nopen it")
    return read(made).read_text()


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


def run(folder: Path, text: str = "left", refusals: list[ArtifactIntegrityError] | None = None) -> list[Step]:
    arguments: dict[str, Any] = {"text": text, "counter": str(folder / "counter"), "gate": str(folder / "gate")}
    refused = (refusals if refusals is not None else []).append
    return run_pipeline(sample, arguments, folder / "root", folder / "log", lambda _: None, refused)


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


def test_a_changed_artifact_is_not_served_from_the_cache(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    made = next(step for step in run(tmp_path) if step.name == "make")
    Path(made.artifacts["made"]).write_text("EVIL")
    refusals: list[ArtifactIntegrityError] = []
    again = run(tmp_path, refusals=refusals)
    assert outcome(again) == {"make": "succeeded", "use": "cached", "left": "succeeded"}
    assert [(fault.artifact, fault.expected) for fault in refusals] == [("made", made.digests["made"])]
    assert made.artifacts["made"] in str(refusals[0])


def test_a_step_is_answered_from_the_cache_by_content_wherever_its_input_lies(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    first = run(tmp_path)
    # Another folder for the counter is another question to `make`, whose output has the same content again.
    (tmp_path / "elsewhere").mkdir()
    arguments = {"text": "left", "counter": str(tmp_path / "elsewhere" / "c"), "gate": str(tmp_path / "gate")}
    again = run_pipeline(sample, arguments, tmp_path / "root", tmp_path / "log", lambda _: None, lambda _: None)
    assert first[0].artifacts != again[0].artifacts
    assert outcome(again) == {"make": "succeeded", "use": "cached", "left": "succeeded"}


@dsl.component(base_image="keelson/test", install_kfp_package=False)
def fragile(family: str, tally: str) -> str:
    import os
    from pathlib import Path

    with Path(tally).open("a") as file:
        file.write(f"{family} ")
    if family == "frail" and Path(tally).read_text().count("frail") < 2:
        os.kill(os.getpid(), 9)
    if family == "doomed":
        os.kill(os.getpid(), 9)
    if family == "wrong":
        raise ValueError("wrong")
    return family


@dsl.pipeline(name="families")
def families(names: list[str], tally: str) -> None:
    with dsl.ParallelFor(names) as name:
        fragile(family=name, tally=tally)


@dsl.component(base_image="keelson/test", install_kfp_package=False)
def decide(answer: str) -> NamedTuple("Decided", [("decision", str)]):
    return (answer,)


@dsl.pipeline(name="choices")
def choices(answer: str) -> None:
    with dsl.If(answer != "never"):
        decided = decide(answer=answer)
        with dsl.If(decided.outputs["decision"] == "yes"):
            left(said="yes")


@pytest.mark.parametrize(("answer", "steps"), [("yes", ["decide", "left"]), ("no", ["decide"]), ("never", [])])
def test_a_branch_without_an_alternative_runs_when_its_condition_holds(
    tmp_path: Path, answer: str, steps: list[str]
) -> None:
    done = run_pipeline(
        choices, {"answer": answer}, tmp_path / "root", tmp_path / "log", lambda _: None, lambda _: None
    )
    assert [step.name for step in done] == steps


def run_families(folder: Path, *names: str) -> list[Step]:
    arguments: dict[str, Any] = {"names": list(names), "tally": str(folder / "tally")}
    return run_pipeline(families, arguments, folder / "root", folder / "log", lambda _: None, lambda _: None)


def test_the_steps_of_a_loop_are_told_apart_by_its_items(tmp_path: Path) -> None:
    assert outcome(run_families(tmp_path, "a", "b")) == {"fragile.a": "succeeded", "fragile.b": "succeeded"}


def test_a_killed_step_is_started_anew(tmp_path: Path) -> None:
    step = run_families(tmp_path, "frail")[0]
    assert (step.status, step.attempts) == ("succeeded", 2)


def test_a_step_that_is_killed_each_time_fails_in_the_end(tmp_path: Path) -> None:
    step = run_families(tmp_path, "doomed")[0]
    assert (step.status, step.attempts) == ("failed", 3)


def test_a_step_that_raises_is_not_tried_again(tmp_path: Path) -> None:
    step = run_families(tmp_path, "wrong")[0]
    assert (step.status, step.attempts, step.error) == ("failed", 1, "ValueError: wrong")


def test_what_a_step_says_is_logged_under_its_name(tmp_path: Path) -> None:
    run_families(tmp_path, "wrong")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {line["step"] for line in lines if line["message"].strip() == "ValueError: wrong"} == {"fragile.wrong"}


def test_the_oldest_runs_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_cache, "KEPT_RUNS", 2)
    for name in "abc":
        run_families(tmp_path, name)
    left = [json.loads(file.read_text()) for file in (tmp_path / "root").glob("families-*/**/executor_output.json")]
    assert sorted(output["parameterValues"]["Output"] for output in left) == ["b", "c"]


def test_another_command_is_another_question(tmp_path: Path) -> None:
    cache = local_cache.ContentCache(tmp_path, lambda _: None)
    keys = {cache.compute_key("make", "image", [command], {}) for command in ("one", "two")}
    assert len(keys) == 2


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


class Elsewhere:
    """A launcher whose processes are of this machine after all; it can end them as another machine would."""

    def __init__(self, said: str = "") -> None:
        self.ran: list[tuple[str, str]] = []
        self._said = said

    def run(self, step: str, executor: str, command: Sequence[str]) -> Ended:
        self.ran.append((step, executor))
        if self._said:
            return Ended(succeeded=False, said=self._said, attempts=3)
        here = [part.replace("python3 -m", f"{sys.executable} -m") for part in command]
        done = subprocess.run(here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(done.stdout)
        return Ended(succeeded=done.returncode == 0)


def run_elsewhere(folder: Path, launcher: Elsewhere, gate: Path) -> list[Step]:
    arguments = {"text": "left", "counter": str(folder / "counter"), "gate": str(gate)}
    root, log = folder / "root", folder / "log"
    return run_pipeline(sample, arguments, root, log, lambda _: None, lambda _: None, launcher=launcher)


def test_a_launcher_runs_the_steps_and_the_pipeline_goes_on_as_ever(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    launcher = Elsewhere()
    steps = run_elsewhere(tmp_path, launcher, tmp_path / "gate")
    assert [(step.name, step.status, step.attempts) for step in steps] == [
        (name, "succeeded", 1) for name in ("make", "use", "left")
    ]
    assert launcher.ran == [("make", "exec-make"), ("use", "exec-use"), ("left", "exec-left")]
    # What did not change is answered from the cache, and nobody is asked to run it.
    again = Elsewhere()
    assert [step.status for step in run_elsewhere(tmp_path, again, tmp_path / "gate")] == ["cached"] * 2 + ["succeeded"]
    assert [name for name, _ in again.ran] == ["left"]


def test_a_step_that_raises_elsewhere_says_what_it_raised(tmp_path: Path) -> None:
    steps = run_elsewhere(tmp_path, Elsewhere(), tmp_path / "gate")
    assert steps[-1].error == f"ValueError: no gate at {tmp_path / 'gate'}\nopen it"


def test_a_step_that_was_ended_elsewhere_says_by_what(tmp_path: Path) -> None:
    (step,) = run_elsewhere(tmp_path, Elsewhere("OOMKilled: it needed more memory"), tmp_path / "gate")
    assert (step.status, step.error, step.attempts) == ("failed", "OOMKilled: it needed more memory", 3)
