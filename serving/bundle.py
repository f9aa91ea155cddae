"""Build the bundle of the champion and of the challenger that may follow it: ``python -m serving.bundle``.

A bundle is a Bento that holds all it needs: the service's code, the model folders and a manifest. Its
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

from components import contract
from components.model import MANIFEST_FILE, ModelIntegrityError, file_hash, load_model, model_files, verified_hash
from components.tracking import TrackingError
from serving.dockerfile import DOCKERFILE, docker_options, where_template_is_read
from serving.environment import pinned_packages
from serving.manifest import BundleError, Content, Manifest, Variant, file_hashes
from serving.registry import RegisteredModel, Registry, UnknownVersionError, download
from serving.sources import needed_files

_ROOT = Path(__file__).resolve().parents[1]
_ENTRY = "serving.service"
NO_CHALLENGER = "none"


def build_bundle(*models: RegisteredModel) -> str:
    """Build the bundle of a champion, and of a challenger if there is one, unless it is already there.

    Args:
        models: The folders and what the registry knows about them; the champion first.

    Returns:
        The bundle's tag.

    Raises:
        ModelIntegrityError: A model folder is damaged, or was made for another contract.
        PackageMismatchError: A model needs another version of a package than is installed here.
        BundleError: The sources have no ``uv.lock``, or a package is missing.
    """
    variants = tuple(_variant(model) for model in models)
    # Before a model is loaded: another version of its library may fail in a way that says nothing.
    packages = pinned_packages(*(_required(model.folder) for model in models))
    for model in models:
        load_model(model.folder)
    lock = _ROOT / "uv.lock"
    if not lock.is_file():
        raise BundleError(f"{lock} is missing; run this from a clone of the project, where it is committed")
    with tempfile.TemporaryDirectory(prefix="keelson-bundle-") as temporary:
        staging = Path(temporary)
        for file in [*needed_files(_ENTRY, _ROOT), DOCKERFILE]:
            _copy(_ROOT / file, staging / file)
        for model, variant in zip(models, variants, strict=True):
            for name in model_files(model.folder):
                _copy(model.folder / name, staging / variant.folder / name)
        content = Content(variants=variants, lock_hash=file_hash(lock), packages=packages, files=file_hashes(staging))
        bundle = Manifest.describe(content, _commit())
        bundle.write(staging)
        _store(bundle, staging)
    return bundle.tag


def _variant(model: RegisteredModel) -> Variant:
    return Variant(
        model_version=model.version,
        run_id=model.run_id,
        data_version=model.data_version,
        model_sha256=verified_hash(model.folder),
    )


def _required(folder: Path) -> dict[str, str]:
    """The packages that a model needs, from its manifest: version by name."""
    return json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))["requires"]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


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
        with where_template_is_read(staging, built):
            bentoml.bentos.build(
                f"{_ENTRY}:TripDuration",
                name=built.parent.name,
                version=built.name,
                build_ctx=str(staging),
                include=["*"],
                python={"packages": pins, "lock_packages": False},
                docker=docker_options(),
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


def download_variants(champion: str, challenger: str | None, folder: Path, registry: Registry) -> list[RegisteredModel]:
    """The models of a bundle.

    Args:
        champion: A version, or an alias.
        challenger: Likewise; None for the registry's challenger, where there is one, and ``none`` for no challenger.
        folder: Where to put the models' files.
        registry: Where it is.

    Returns:
        The champion, and the challenger where it is another version.

    Raises:
        UnknownVersionError: The registry has not what was named.
        ModelIntegrityError: A model is not the one that was registered, or not for this contract.
        TrackingError: MLflow does not answer.
    """
    models = [download(champion, folder / contract.CHAMPION, registry)]
    if challenger == NO_CHALLENGER:
        return models
    try:
        beside = download(challenger or contract.CHALLENGER, folder / contract.CHALLENGER, registry)
    except UnknownVersionError:
        if challenger is not None:
            raise
        return models
    return models if beside.version == models[0].version else [*models, beside]


def main(arguments: list[str]) -> None:
    """Build the bundle of registered models; prints one JSON line last: tag and model versions."""
    parser = argparse.ArgumentParser(prog="python -m serving.bundle", description=__doc__)
    parser.add_argument("--champion", default=contract.CHAMPION, help="a version or an alias; by default the champion")
    parser.add_argument(
        "--challenger", help=f"a version, an alias, or {NO_CHALLENGER}; by default the challenger, if there is one"
    )
    given = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="keelson-models-") as temporary:
            registry = Registry()  # pyright: ignore[reportCallIssue]
            models = download_variants(given.champion, given.challenger, Path(temporary), registry)
            tag = build_bundle(*models)
    except (BundleError, ModelIntegrityError, TrackingError) as error:
        sys.exit(f"no bundle was built: {error}")
    print(json.dumps({"tag": tag, "model_versions": [model.version for model in models]}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
