"""Build the bundle that serves one model version: ``python -m serving.bundle --model-version champion``.

A bundle is a Bento that holds all it needs: the service's code, the model folder and a manifest. Its
tag is ``trip_duration:<hash of the content>``, so equal inputs are one bundle, building it again does
nothing, and it starts where there is no registry. Bentos are kept under ``BENTOML_HOME``.
"""

import argparse
import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from components import contract
from components.model import ModelIntegrityError, file_hash, load_model
from components.platform import Platform
from components.tracking import TrackingError
from serving.manifest import MODEL_FOLDER, BundleError, Manifest, Provenance, content_hash
from serving.registry import RegisteredModel, download
from serving.sources import needed_files

_ROOT = Path(__file__).resolve().parents[1]
_ENTRY = "serving.service"
_TAG_LENGTH = 16
# What the image of a bundle installs, each at the version that the bundle was built with.
_PACKAGES = ("httpx", "holidays", "lightgbm", "numpy", "polars", "prometheus-client", "pydantic-settings", "tzdata")


def build_bundle(model: RegisteredModel) -> str:
    """Build the bundle of a model, unless it is already there.

    Args:
        model: The folder and what the registry knows about it.

    Returns:
        The bundle's tag.

    Raises:
        ModelIntegrityError: The model folder is damaged, or was made for another contract.
        BundleError: The sources have no ``uv.lock``.
    """
    load_model(model.folder)
    lock = _ROOT / "uv.lock"
    if not lock.is_file():
        raise BundleError(f"{lock} is missing; run this from a clone of the project, where it is committed")
    provenance = Provenance(
        model_version=model.version, run_id=model.run_id, data_version=model.data_version, lock_hash=file_hash(lock)
    )
    with tempfile.TemporaryDirectory(prefix="keelson-bundle-") as temporary:
        staging = Path(temporary)
        for file in needed_files(_ENTRY, _ROOT):
            (staging / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_ROOT / file, staging / file)
        shutil.copytree(model.folder, staging / MODEL_FOLDER)
        tag = f"{contract.BUNDLE_NAME}:{content_hash(staging, provenance)[:_TAG_LENGTH]}"
        Manifest(tag=tag, commit=_commit(), provenance=provenance).write(staging)
        _store(tag, staging)
    return tag


def _store(tag: str, staging: Path) -> None:
    """Put the staged files into the Bento store under ``tag``, once."""
    # BentoML takes half a second to import; a bad model should be refused before that.
    import bentoml
    from bentoml._internal.configuration.containers import BentoMLContainer

    name, _, bundle_version = tag.partition(":")
    store = Path(BentoMLContainer.bento_store_dir.get()) / name
    store.mkdir(parents=True, exist_ok=True)
    with _alone(store / ".build.lock"):
        built = store / bundle_version
        if built.exists():
            if _is_whole(built / "src", tag):
                return
            # A build that was killed while its files were copied.
            shutil.rmtree(built)
        bentoml.bentos.build(
            f"{_ENTRY}:TripDuration",
            name=name,
            version=bundle_version,
            build_ctx=str(staging),
            include=["*"],
            python={"packages": [f"{package}=={version(package)}" for package in _PACKAGES], "lock_packages": False},
            docker={"python_version": f"{sys.version_info.major}.{sys.version_info.minor}"},
        )


def _is_whole(source: Path, tag: str) -> bool:
    try:
        manifest = Manifest.read(source)
    except BundleError:
        return False
    content = content_hash(source, manifest.provenance)[:_TAG_LENGTH]
    return manifest.tag == tag and tag.endswith(f":{content}") and (source.parent / "bento.yaml").is_file()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one build at a time into the store; the lock goes with its process."""
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _commit() -> str:
    """The commit of the sources, or ``unknown`` outside a clone."""
    asked = subprocess.run(["git", "-C", str(_ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else "unknown"


def main(arguments: list[str]) -> None:
    """Build the bundle of a registered model; prints one JSON line last: tag and model version."""
    parser = argparse.ArgumentParser(prog="python -m serving.bundle", description=__doc__)
    parser.add_argument("--model-version", required=True, help="a number, or an alias such as champion")
    wanted: str = parser.parse_args(arguments).model_version
    try:
        with tempfile.TemporaryDirectory(prefix="keelson-model-") as temporary:
            model = download(wanted, Path(temporary), Platform())  # pyright: ignore[reportCallIssue]
            tag = build_bundle(model)
    except (BundleError, ModelIntegrityError, TrackingError) as error:
        sys.exit(f"no bundle was built: {error}")
    print(json.dumps({"tag": tag, "model_version": model.version}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
