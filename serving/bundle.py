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
from pathlib import Path

from components.model import MANIFEST_FILE, ModelIntegrityError, file_hash, load_model, model_files, verified_hash
from components.platform import Platform
from components.tracking import TrackingError
from serving.environment import pinned_packages
from serving.manifest import MODEL_FOLDER, BundleError, Content, Manifest, Provenance, file_hashes
from serving.registry import RegisteredModel, download
from serving.sources import needed_files

_ROOT = Path(__file__).resolve().parents[1]
_ENTRY = "serving.service"


def build_bundle(model: RegisteredModel) -> str:
    """Build the bundle of a model, unless it is already there.

    Args:
        model: The folder and what the registry knows about it.

    Returns:
        The bundle's tag.

    Raises:
        ModelIntegrityError: The model folder is damaged, or was made for another contract.
        PackageMismatchError: The model needs another version of a package than is installed here.
        BundleError: The sources have no ``uv.lock``, or a package is missing.
    """
    sha256 = verified_hash(model.folder)
    manifest = json.loads((model.folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    # Before the model is loaded: another version of its library may fail in a way that says nothing.
    packages = pinned_packages(manifest["requires"])
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
        (staging / MODEL_FOLDER).mkdir()
        for name in model_files(model.folder):
            shutil.copyfile(model.folder / name, staging / MODEL_FOLDER / name)
        content = Content(provenance=provenance, model_sha256=sha256, packages=packages, files=file_hashes(staging))
        bundle = Manifest.describe(content, _commit())
        bundle.write(staging)
        _store(bundle, staging)
    return bundle.tag


def bundle_folder(tag: str) -> Path:
    """Where the bundle of a tag is or would be in the Bento store: ``src`` below it holds its sources."""
    # BentoML takes half a second to import; a bad model should be refused before that.
    from bentoml._internal.configuration.containers import BentoMLContainer

    return Path(BentoMLContainer.bento_store_dir.get(), *tag.split(":"))


def _store(manifest: Manifest, staging: Path) -> None:
    """Put the staged files into the Bento store under their tag, once."""
    import bentoml

    built = bundle_folder(manifest.tag)
    built.parent.mkdir(parents=True, exist_ok=True)
    with _alone(built.parent / ".build.lock"):
        if built.exists():
            if _is_whole(built, manifest.tag):
                return
            # A build that was killed while its files were copied.
            shutil.rmtree(built)
        # BentoML adds itself to the list, at the version that builds.
        pins = [f"{name}=={version}" for name, version in manifest.packages.items() if name != "bentoml"]
        bentoml.bentos.build(
            f"{_ENTRY}:TripDuration",
            name=built.parent.name,
            version=built.name,
            build_ctx=str(staging),
            include=["*"],
            python={"packages": pins, "lock_packages": False},
            docker={"python_version": f"{sys.version_info.major}.{sys.version_info.minor}"},
        )


def _is_whole(built: Path, tag: str) -> bool:
    try:
        return Manifest.read_verified(built / "src").tag == tag and (built / "bento.yaml").is_file()
    except BundleError:
        return False


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one build at a time into the store; the lock goes with its process."""
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _commit() -> str:
    """The commit of the sources, or ``unknown`` outside a clone."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    asked = subprocess.run([git, "-C", str(_ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
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
