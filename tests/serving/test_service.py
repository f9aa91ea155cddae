"""A worker opens the bundle that it is part of, and only if that is what was built."""

import asyncio
import shutil
from pathlib import Path

import pytest

from components.model import load_model
from serving import service
from serving.manifest import BundleError, BundleIntegrityError, Content, Manifest, Variant, file_hashes
from serving.settings import ServingSettings

SETTINGS = ServingSettings.model_validate({"KEELSON_FEAST_SERVER_URL": "http://127.0.0.1:9"})


def a_bundle(folder: Path, model_folder: Path, model_sha256: str | None = None) -> Path:
    """The unpacked sources of a bundle, of which only the model matters."""
    sha256 = model_sha256 or load_model(model_folder).sha256
    variant = Variant(model_version="5", run_id="run", data_version="3", model_sha256=sha256)
    shutil.copytree(model_folder, folder / variant.folder)
    content = Content(variants=(variant,), lock_hash="lock", packages={}, files=file_hashes(folder))
    Manifest.describe(content, "unknown").write(folder)
    return folder


def opened_version() -> str:
    async def opened() -> str:
        async with service.open_bundle(SETTINGS) as predictor:
            return predictor.manifest.variants[0].model_version

    return asyncio.run(opened())


def test_a_worker_opens_its_bundle(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_BUNDLE", a_bundle(tmp_path, model_folder))
    assert opened_version() == "5"


def test_a_worker_does_not_open_a_bundle_that_was_changed_while_it_ran(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_BUNDLE", a_bundle(tmp_path, model_folder))
    (tmp_path / "added.py").write_text("x = 1")
    with pytest.raises(BundleIntegrityError, match=r"added\.py"):
        opened_version()


def test_a_worker_does_not_open_another_model_than_the_manifest_names(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_BUNDLE", a_bundle(tmp_path, model_folder, model_sha256="0" * 64))
    with pytest.raises(BundleIntegrityError, match="expected 0000"):
        opened_version()


def test_sources_that_are_no_bundle_do_not_start() -> None:
    with pytest.raises(BundleError, match=r"serving\.bundle"):
        opened_version()
    with pytest.raises(SystemExit, match=r"serving\.bundle"):
        service.TripDuration.inner.before_the_workers()
