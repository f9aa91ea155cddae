"""The check of a candidate: its bundle runs by itself, elsewhere, with nothing but what it pins."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.families.family import NAMES, family
from components.model import load_model

ROOT = Path(__file__).resolve().parents[2]
# Runs the check after a change to the program, as a mistake in it would be.
CHANGED = """
import sys, tempfile
from pathlib import Path
import serving.bundle, serving.environment, serving.check
{change}
serving.check.main(sys.argv[1:])
"""


def check(folder: Path, change: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    program = ["-m", "serving.check"] if change is None else ["-c", CHANGED.format(change=change)]
    environment = {**os.environ, "KEELSON_FEAST_SERVER_URL": "http://127.0.0.1:9", **variables}
    command = [sys.executable, *program, str(folder)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def with_manifest(folder: Path, copy: Path, **changed: Any) -> Path:
    """A copy of a model folder with other values in its manifest."""
    shutil.copytree(folder, copy)
    manifest = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps(manifest | changed))
    return copy


def test_a_sound_model_is_loaded_and_called_and_its_figures_are_told(model_folder: Path, tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    done = check(model_folder, BENTOML_HOME=str(home), TMPDIR=str(temporary))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["failures"] == {}
    assert 0 < found["median_milliseconds"] <= found["p99_milliseconds"] < found["load_seconds"] * 1000
    assert found["resident_megabytes"] > 50
    assert found["megabytes"] == sum(file.stat().st_size for file in model_folder.iterdir()) / 1e6
    assert found["model_sha256"] == load_model(model_folder).sha256
    assert {"bentoml", "lightgbm", "holidays"} <= found["packages"].keys()
    # The store of the bundles that are served is left alone, and nothing else is left behind.
    assert list(home.iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_family_is_served_with_its_own_packages_and_no_others(name: str, model_of: Callable[[str], Path]) -> None:
    done = check(model_of(name))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["failures"] == {}
    libraries = {package for one in NAMES for package in family(one).PACKAGES} - {"numpy"}
    assert libraries & found["packages"].keys() == set(family(name).PACKAGES) - {"numpy"}


def test_a_damaged_model_is_refused_in_one_sentence(model_folder: Path, tmp_path: Path) -> None:
    damaged = with_manifest(model_folder, tmp_path / "model", model_sha256="0" * 64)
    done = check(damaged)
    assert done.returncode != 0
    assert "expected 0000" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_needs_another_package_version_is_refused(model_folder: Path, tmp_path: Path) -> None:
    done = check(with_manifest(model_folder, tmp_path / "model", requires={"lightgbm": "3.3.5"}))
    assert done.returncode != 0
    assert "the model needs lightgbm 3.3.5, the bundle has" in done.stderr


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        # A package that the sources import but the bundle does not pin.
        (
            "left = [name for name in serving.environment._NEEDED_BY_SOURCES if name != 'holidays']; "
            "serving.environment._NEEDED_BY_SOURCES = left",
            "holidays",
        ),
        # A module of the project that was not copied, although the repository has it.
        (
            "copied = serving.bundle.needed_files; "
            "serving.bundle.needed_files = lambda *a: [f for f in copied(*a) if f.name != 'request.py']",
            "components.features.request",
        ),
    ],
)
def test_what_the_bundle_lacks_is_named(model_folder: Path, change: str, missing: str) -> None:
    done = check(model_folder, change)
    assert done.returncode != 0
    assert f"No module named '{missing}'" in done.stderr.splitlines()[-1]
