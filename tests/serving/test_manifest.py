"""A bundle's manifest: its tag covers all that decides what it does, and each file is held to its digest."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.manifest import BundleError, BundleIntegrityError, Content, Manifest, Variant, file_hashes

VARIANT = Variant(model_version="1", run_id="run", data_version="3", model_sha256="m")


def content(root: Path) -> Content:
    return Content(variants=(VARIANT,), lock_hash="lock", packages={"numpy": "2.4.6"}, files=file_hashes(root))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The sources of a bundle: two files, a model and the manifest."""
    for name in ("serving/service.py", "serving/other.py", "models/1/model.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    Manifest.describe(content(tmp_path), "unknown").write(tmp_path)
    return tmp_path


def test_what_was_built_is_read(bundle: Path) -> None:
    assert Manifest.read_verified(bundle) == Manifest.describe(content(bundle), "unknown")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda root: (root / "serving" / "service.py").write_text("other"), "serving/service.py"),
        (lambda root: (root / "models" / "1" / "model.txt").write_text("other"), "models/1/model.txt"),
        (lambda root: (root / "models" / "1" / "model.txt").unlink(), "models/1/model.txt"),
        (lambda root: (root / "serving" / "added.py").write_text("x"), "serving/added.py"),
        (lambda root: (root / "models" / "bundle.json").write_text("x"), "models/bundle.json"),
        (lambda root: (root / "serving" / "other.py").rename(root / "serving" / "zz.py"), "serving/other.py"),
    ],
)
def test_a_changed_file_is_named_with_both_digests(bundle: Path, change: Callable[[Path], object], named: str) -> None:
    before = file_hashes(bundle)
    change(bundle)
    after = file_hashes(bundle)
    with pytest.raises(BundleIntegrityError, match=re.escape(named)) as refused:
        Manifest.read_verified(bundle)
    nothing = "that of no file"
    assert (refused.value.expected, refused.value.actual) == (before.get(named, nothing), after.get(named, nothing))
    assert refused.value.expected in str(refused.value)
    assert refused.value.actual in str(refused.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"lock_hash": "other"},
        {"packages": {"numpy": "2.4.7"}},
        {"files": {}},
        {"variants": [VARIANT.model_dump() | {"data_version": "4"}]},
        {"variants": [VARIANT.model_dump(), VARIANT.model_dump() | {"model_version": "2"}]},
        {"tag": "trip_duration:0123456789abcdef"},
    ],
)
def test_a_manifest_that_its_tag_does_not_cover_is_refused(bundle: Path, changed: dict[str, object]) -> None:
    file = bundle / "bundle.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    with pytest.raises(BundleIntegrityError, match=r"bundle\.json"):
        Manifest.read_verified(bundle)


def test_the_commit_alone_does_not_make_another_bundle(bundle: Path) -> None:
    assert Manifest.describe(content(bundle), "a").tag == Manifest.describe(content(bundle), "b").tag


def test_what_running_and_building_leave_behind_is_not_content(bundle: Path) -> None:
    (bundle / "serving" / "__pycache__").mkdir()
    (bundle / "serving" / "__pycache__" / "service.cpython-311.pyc").write_text("compiled")
    (bundle / "bentofile.yaml").write_text("service: x")
    Manifest.read_verified(bundle)


@pytest.mark.parametrize("text", [None, "", "{}", json.dumps({"tag": "t"})])
def test_sources_without_a_manifest_are_no_bundle(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=r"serving\.bundle"):
        Manifest.read(tmp_path)
