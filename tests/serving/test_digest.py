"""A bundle's digest is had of the bundle that its tag names, whole, or not at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.manifest import Content, Manifest, Variant, file_hashes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of a bundle in the store below ``tmp_path``, with one model of one file."""
    return stored(tmp_path, "weights")


def stored(home: Path, weights: str, tag: str | None = None) -> Manifest:
    """Put a bundle into a store, under its own tag or another."""
    staging = home / "staging" / weights
    (staging / "models" / "1").mkdir(parents=True)
    (staging / "models" / "1" / "model.txt").write_text(weights)
    variant = Variant(model_version="1", run_id="run", data_version="0", model_sha256="a" * 64)
    content = Content(variants=(variant,), lock_hash="b" * 64, packages={}, files=file_hashes(staging))
    made = Manifest.describe(content, "c" * 40)
    made.write(staging)
    place = home / "bentos" / (tag or made.tag).replace(":", "/") / "src"
    place.parent.mkdir(parents=True, exist_ok=True)
    staging.rename(place)
    return made


def digest(home: Path, tag: str) -> "subprocess.CompletedProcess[str]":
    """What the command says."""
    command = [sys.executable, "-m", "serving.digest", tag]
    environment = {**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_digest_is_that_of_the_content(tmp_path: Path, manifest: Manifest) -> None:
    told = json.loads(digest(tmp_path, manifest.tag).stdout)
    assert told == {
        "digest": manifest.content_hash(),
        "tag": manifest.tag,
        "commit": "c" * 40,
        "models": {"1": "a" * 64},
    }
    assert manifest.tag.endswith(told["digest"][:16])


def test_a_bundle_with_a_changed_file_has_no_digest(tmp_path: Path, manifest: Manifest) -> None:
    (file,) = (tmp_path / "bentos").rglob("model.txt")
    file.write_text("other weights")
    done = digest(tmp_path, manifest.tag)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no digest: " in done.stderr
    assert "was changed after the bundle was built" in done.stderr


def test_another_bundle_in_the_place_of_one_is_found(tmp_path: Path) -> None:
    other = stored(tmp_path, "other weights", tag="trip_duration:0123456789abcdef")
    done = digest(tmp_path, "trip_duration:0123456789abcdef")
    assert done.returncode == 1
    assert f"what lies in the store as trip_duration:0123456789abcdef is {other.tag}" in done.stderr


def test_a_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = digest(tmp_path, "trip_duration:0123456789abcdef")
    assert done.returncode == 1
    assert "trip_duration/0123456789abcdef/src/bundle.json cannot be read" in done.stderr
