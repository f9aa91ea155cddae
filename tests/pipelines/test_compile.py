"""Publishing versions: the project's own, and a small one that is changed in every way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.compile import check
from pipelines.versioning.published import Published

ROOT = Path(__file__).parents[2]
# What of the project a small one needs to publish.
PARTS = ("pipelines/__init__.py", "pipelines/kfp_without_client.py", "pipelines/compile.py", "pipelines/versioning")
FILES = {
    "components/__init__.py": "",
    "components/image.py": 'IMAGE = "test/components:1"\n',
    "components/versions.py": '"""Versions."""\n\nCOMPONENT_VERSIONS: dict[str, str] = {\n    "greet": "0.1.0",\n}\n',
    "components/words.py": 'HELLO = "hello"\n',
    "components/greet/__init__.py": "",
    "components/greet/step.py": "from components import words\n\n\ndef greet(name):\n    return words.HELLO + name\n",
    "components/greet/component.py": '''"""The face of greet."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def greet(name: str) -> str:
    from components.greet import step

    return step.greet(name)
''',
    "pipelines/hello.py": '''"""A pipeline."""

from kfp import dsl

from components.greet.component import greet

VERSION = "0.1.0"


@dsl.pipeline(name="hello")
def hello(name: str) -> None:
    greet(name=name)
''',
}

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one component and one pipeline, of which nothing is published."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    """``run("--check")`` in the project: the exit status, and what was said."""

    def run(*options: str, seed: str = "0") -> tuple[int, str]:
        command = [sys.executable, "-m", "pipelines.compile", *options]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def published(project: Path) -> dict[str, bytes]:
    folder = project / "pipelines" / "published"
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_what_this_project_published_is_unchanged() -> None:
    assert Published().faults() == []


def test_what_this_project_runs_is_published_as_it_is() -> None:
    assert check(Published()) == []


def test_the_same_source_gives_the_same_bytes_and_nothing_is_published_twice(project: Path, run: Run) -> None:
    assert run(seed="1") == (
        0,
        "pipelines/published/components/greet/0.1.0.yaml\npipelines/published/pipelines/hello/0.1.0.yaml\n",
    )
    first = published(project)
    assert run(seed="2") == (0, "")
    shutil.rmtree(project / "pipelines" / "published")
    run(seed="3")
    assert published(project) == first
    assert run("--check") == (0, "")


def test_what_is_not_published_yet_fails_the_check(run: Run) -> None:
    status, said = run("--check")
    assert status == 1
    assert "component greet 0.1.0 is not published" in said
    assert "pipeline hello 0.1.0 is not published" in said


def test_a_changed_module_that_a_component_imports_needs_a_patch(project: Path, run: Run) -> None:
    run()
    replace(project / "components" / "words.py", "hello", "good day")
    status, said = run("--check")
    assert status == 1
    assert "component greet 0.1.0 changed since 0.1.0 was published and needs 0.1.1" in said
    assert "source: components/words.py" in said
    assert run() == (1, said)


def test_bump_gives_new_versions_to_what_changed_and_to_the_pipelines_of_it(project: Path, run: Run) -> None:
    run()
    before = published(project)
    replace(project / "components" / "words.py", "hello", "good day")
    status, said = run("--bump")
    assert status == 0
    assert "components/greet/0.1.1.yaml" in said
    assert "pipelines/hello/0.1.1.yaml" in said
    assert '"greet": "0.1.1"' in (project / "components" / "versions.py").read_text()
    assert 'VERSION = "0.1.1"' in (project / "pipelines" / "hello.py").read_text()
    assert run("--check") == (0, "")
    assert run("--bump") == (0, "")
    kept = {name: content for name, content in published(project).items() if name in before}
    assert {**kept, "SHA256SUMS": b""} == {**before, "SHA256SUMS": b""}


def test_an_added_input_with_a_default_needs_a_minor_version(project: Path, run: Run) -> None:
    run()
    replace(project / "components" / "greet" / "component.py", "name: str", 'name: str, mark: str = "!"')
    status, said = run("--check")
    assert status == 1
    assert "needs 0.2.0: interface: input mark was added; source: components/greet/component.py" in said


def test_a_removed_output_needs_a_major_version_that_a_person_cannot_set_too_low(project: Path, run: Run) -> None:
    run()
    replace(project / "components" / "greet" / "component.py", "-> str", "-> None")
    replace(project / "components" / "versions.py", "0.1.0", "0.2.0")
    status, said = run("--check")
    assert status == 1
    assert "component greet 0.2.0 changed since 0.1.0 was published and needs 1.0.0: interface: output" in said
    run("--bump")
    assert '"greet": "1.0.0"' in (project / "components" / "versions.py").read_text()


def test_a_version_that_a_person_set_high_enough_is_kept(project: Path, run: Run) -> None:
    run()
    replace(project / "components" / "words.py", "hello", "good day")
    replace(project / "components" / "versions.py", "0.1.0", "2.0.0")
    assert "components/greet/2.0.0.yaml" in run("--bump")[1]


def test_a_comment_is_no_change(project: Path, run: Run) -> None:
    run()
    replace(project / "components" / "words.py", "HELLO", "# What people say.\nHELLO")
    assert run("--check") == (0, "")


def test_another_name_of_the_image_is_no_change(project: Path, run: Run) -> None:
    run()
    replace(project / "components" / "image.py", "components:1", "components:2")
    assert run("--check") == (0, "")


def test_a_changed_graph_needs_a_new_version_of_the_pipeline_alone(project: Path, run: Run) -> None:
    run()
    replace(project / "pipelines" / "hello.py", "greet(name=name)", 'greet(name="you")\n    greet(name=name)')
    status, said = run("--check")
    assert status == 1
    assert said.startswith("pipeline hello 0.1.0 changed since 0.1.0 was published and needs 0.1.1: definition")


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_published_file_that_was_changed_fails_the_check_and_stops_publishing(
    project: Path, run: Run, suffix: str
) -> None:
    run()
    file = project / "pipelines" / "published" / "components" / "greet" / f"0.1.0.{suffix}"
    replace(file, "name" if suffix == "yaml" else "sources", "other")
    status, said = run("--check")
    assert status == 1
    assert said == f"components/greet/0.1.0.{suffix} was changed; put back what was published\n"
    assert run("--bump") == (1, said)


def test_a_published_file_that_is_gone_fails_the_check(project: Path, run: Run) -> None:
    run()
    replace(project / "components" / "words.py", "hello", "good day")
    run("--bump")
    (project / "pipelines" / "published" / "components" / "greet" / "0.1.0.yaml").unlink()
    status, said = run("--check")
    assert status == 1
    assert said == "components/greet/0.1.0.yaml is gone; put back what was published\n"


def test_a_new_component_gets_its_first_version(project: Path, run: Run) -> None:
    run()
    shutil.copytree(project / "components" / "greet", project / "components" / "part")
    for file in (project / "components" / "part").glob("*.py"):
        file.write_text(file.read_text().replace("greet", "part"))
    assert "component part has no version" in run("--check")[1]
    assert run("--bump") == (0, "pipelines/published/components/part/0.1.0.yaml\n")


def test_a_version_without_a_component_is_told(project: Path, run: Run) -> None:
    replace(project / "components" / "versions.py", "}", '    "left": "0.1.0",\n}')
    assert "component left has a version and no component.py" in run("--check")[1]


def test_a_pipeline_must_be_named_as_its_module(project: Path, run: Run) -> None:
    replace(project / "pipelines" / "hello.py", "def hello", "def greeting")
    status, said = run("--check")
    assert status == 1
    assert "hello.py defines the pipeline greeting; a pipeline has its module's name" in said
