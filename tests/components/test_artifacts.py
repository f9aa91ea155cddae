"""Artifacts appear whole or not at all, and are read only as they were published."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kfp.dsl import Dataset, Model

from components.artifacts import SHA256, ArtifactIntegrityError, digest, publish, read


def a_dataset(folder: Path) -> Dataset:
    return Dataset(name="rows", uri=str(folder / "run-1" / "make" / "rows"))


def test_what_was_published_is_read_back(tmp_path: Path) -> None:
    rows = a_dataset(tmp_path)
    with publish(rows) as path:
        path.write_text("content")
    assert read(rows).read_text() == "content"


def test_a_folder_is_published_as_one(tmp_path: Path) -> None:
    model = Model(name="model", uri=str(tmp_path / "model"))
    with publish(model) as path:
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "file").write_text("a")
    assert (read(model) / "deep" / "file").read_text() == "a"
    (tmp_path / "model" / "deep" / "another").write_text("b")
    with pytest.raises(ArtifactIntegrityError):
        read(model)


def test_a_changed_artifact_is_refused_with_run_artifact_and_both_digests(tmp_path: Path) -> None:
    rows = a_dataset(tmp_path)
    with publish(rows) as path:
        path.write_text("content")
    published = rows.metadata[SHA256]
    Path(rows.path).write_text("evil")
    with pytest.raises(ArtifactIntegrityError) as refusal:
        read(rows)
    for said in ("rows", "run-1", published, digest(Path(rows.path))):
        assert said in str(refusal.value)


def test_an_artifact_that_nobody_published_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("content")
    with pytest.raises(ArtifactIntegrityError, match="unknown"):
        read(Dataset(name="rows", uri=str(tmp_path / "rows")))


def test_a_deleted_artifact_is_refused(tmp_path: Path) -> None:
    rows = a_dataset(tmp_path)
    with publish(rows) as path:
        path.write_text("content")
    Path(rows.path).unlink()
    with pytest.raises(ArtifactIntegrityError, match="nothing"):
        read(rows)


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    rows = a_dataset(tmp_path)

    def write() -> None:
        with publish(rows) as path:
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        write()
    assert list(Path(rows.path).parent.iterdir()) == []


def test_a_kill_while_writing_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom kfp.dsl import Dataset\nfrom components.artifacts import publish\n"
        "with publish(Dataset(name='rows', uri=sys.argv[1])) as path:\n"
        "    path.write_text('half')\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "rows")], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "rows").exists()


def test_an_artifact_that_was_published_before_is_replaced_whole(tmp_path: Path) -> None:
    model = Model(name="model", uri=str(tmp_path / "model"))
    for name in ("old", "new"):
        with publish(model) as path:
            path.mkdir()
            (path / name).touch()
    assert [file.name for file in read(model).iterdir()] == ["new"]


@given(st.dictionaries(st.sampled_from(["a", "b", "sub/a"]), st.binary(max_size=8), min_size=1), st.data())
def test_folders_have_equal_digests_only_for_equal_content(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], data: st.DataObject
) -> None:
    def written(content: dict[str, bytes]) -> Path:
        folder = tmp_path_factory.mktemp("folder")
        for name, value in content.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(value)
        return folder

    other = data.draw(st.dictionaries(st.sampled_from(["a", "b", "sub/a"]), st.binary(max_size=8), min_size=1))
    assert (digest(written(files)) == digest(written(other))) == (files == other)
