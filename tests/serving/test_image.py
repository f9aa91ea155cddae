"""What a bundle says about its image, and what `python -m serving.image` refuses; `make test-image` builds one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.apps.serving import BENTOML_USER
from serving import image
from serving.dockerfile import DOCKERFILE, KEPT_DOCKERFILE
from serving.image import ImageError, builder, labels, pip_configuration
from serving.manifest import Manifest

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from pathlib import Path
from serving.bundle import build_bundle
from serving.registry import RegisteredModel
print(build_bundle(RegisteredModel(Path(sys.argv[1]), "5", "run", "3")))
"""


def run(home: Path, *command: str, folder: Path = ROOT, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a process of its own, because BentoML reads its home once."""
    environment = {**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", **variables}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bentoml")


@pytest.fixture(scope="module")
def tag(home: Path, model_folder: Path) -> str:
    done = run(home, "-c", BUILD, str(model_folder))
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


@pytest.fixture(scope="module")
def bundle(home: Path, tag: str) -> Path:
    return home / "bentos" / tag.replace(":", "/")


def test_the_dockerfile_is_part_of_the_bundle_and_of_its_tag_but_the_base_image_is_not(bundle: Path) -> None:
    manifest = Manifest.read_verified(bundle / "src")
    assert DOCKERFILE.as_posix() in manifest.files
    ours = (ROOT / DOCKERFILE).read_bytes()
    assert (bundle / "src" / DOCKERFILE).read_bytes() == (bundle / KEPT_DOCKERFILE).read_bytes() == ours
    changed = manifest.model_copy(update={"files": {**manifest.files, DOCKERFILE.as_posix(): "0" * 64}})
    assert changed.content_hash() != manifest.content_hash()
    assert "base_image: null" in (bundle / "bento.yaml").read_text()


def test_what_the_builder_gets_is_for_the_clusters_user_and_the_bundles_python(bundle: Path) -> None:
    lines = (bundle / "env" / "docker" / "Dockerfile").read_text().splitlines()
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    assert [lines[number] for number in stages] == ["FROM ${BASE_IMAGE} AS build", "FROM ${BASE_IMAGE}"]
    last = lines[stages[-1] :]
    assert [line for line in last if line.startswith("USER ")][-1] == f"USER {BENTOML_USER}:{BENTOML_USER}"
    assert not any("pip install" in line or "secret" in line for line in last)
    major, minor = sys.version_info[:2]
    assert f"the bundle is made for {major}.{minor}:" in "\n".join(lines)
    assert "{{" not in "".join(lines)


def test_the_base_image_is_the_components_own_unless_another_is_given() -> None:
    def default(file: Path) -> str:
        (found,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", file.read_text(), re.MULTILINE)
        return found

    assert default(ROOT / DOCKERFILE) == default(ROOT / "components" / "Dockerfile")


def test_an_image_says_which_bundle_commit_and_model_it_holds(bundle: Path, tag: str) -> None:
    manifest = Manifest.read(bundle / "src")
    said = labels(manifest)
    assert (said["keelson.bundle"], said["keelson.model-versions"]) == (tag, "5")
    assert said["org.opencontainers.image.revision"] == manifest.commit


def test_packages_come_from_the_index_that_the_environment_names() -> None:
    variables = {"PIP_INDEX_URL": "https://user:word@index.test/simple", "PIP_TRUSTED_HOST": "", "PIP_TARGET": "/x"}
    assert pip_configuration(variables, "/there") == (
        "[global]\nindex-url = https://user:word@index.test/simple\ncert = /there\n"
    )
    assert pip_configuration({}, None) == "[global]\n"


def test_the_first_builder_that_works_is_taken() -> None:
    assert builder(lambda command: command[0] in ("buildah", "podman")) == "podman"
    with pytest.raises(ImageError, match="none of docker, podman, buildah works here"):
        builder(lambda command: False)


def test_without_a_builder_nothing_is_made_and_it_says_what_to_install(home: Path, tag: str, tmp_path: Path) -> None:
    done = run(home, "-m", image.__name__, tag, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "install one of them" in done.stderr


def test_a_changed_bundle_is_not_made_into_an_image(bundle: Path, tag: str, tmp_path: Path) -> None:
    copy = tmp_path / "bentos" / tag.replace(":", "/")
    shutil.copytree(bundle, copy)
    with (copy / "src" / "models" / "5" / "model.txt").open("a") as file:
        file.write("\n")
    done = run(tmp_path, "-m", image.__name__, tag)
    assert (done.returncode, done.stdout) == (1, "")
    assert "model.txt was changed" in done.stderr


def test_a_bundle_that_is_not_there_is_named_with_the_way_to_build_one(home: Path) -> None:
    done = run(home, "-m", image.__name__, "trip_duration:0000000000000000")
    assert (done.returncode, done.stdout) == (1, "")
    assert "trip_duration/0000000000000000" in done.stderr
    assert "python -m serving.bundle" in done.stderr


def test_a_bundle_without_a_dockerfile_does_not_become_bentomls_own_image(
    bundle: Path, tag: str, tmp_path: Path
) -> None:
    copy = tmp_path / "bentos" / tag.replace(":", "/")
    shutil.copytree(bundle, copy)
    (copy / KEPT_DOCKERFILE).unlink()
    done = run(tmp_path, "-m", image.__name__, tag)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no bundle with a Dockerfile" in done.stderr


def test_a_tag_that_is_no_tag_is_refused(home: Path) -> None:
    done = run(home, "-m", image.__name__, "trip_duration")
    assert (done.returncode, done.stdout) == (1, "")
    assert "name:version" in done.stderr


def test_a_hidden_temporary_folder_is_named_before_bentoml_stumbles(tmp_path: Path, model_folder: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    done = run(tmp_path / "home", "-c", BUILD, str(model_folder), TMPDIR=str(tmp_path / ".hidden"))
    assert done.returncode == 1
    assert "set TMPDIR" in done.stderr.splitlines()[-1]


def test_a_store_that_moves_with_the_working_folder_is_refused(model_folder: Path, tmp_path: Path) -> None:
    done = run(Path("bundles"), "-c", BUILD, str(model_folder), folder=tmp_path)
    assert done.returncode == 1
    assert "give its absolute path" in done.stderr.splitlines()[-1]
