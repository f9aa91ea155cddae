"""Make a bundle into a container image: ``python -m serving.image trip_duration:<hash>``.

BentoML renders the Dockerfile that the bundle holds and gives it to the builder that is there: Docker, Podman or
buildah. Packages come from the index that pip's own variables name (``PIP_INDEX_URL``, ``PIP_CERT`` and others).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from serving.bundle import bundle_folder
from serving.dockerfile import KEPT_DOCKERFILE
from serving.manifest import BundleError, Manifest

# In the order in which they are asked; Docker's client says nothing about whether its daemon runs.
_BUILDERS = {"docker": ("docker", "info"), "podman": ("podman", "info"), "buildah": ("buildah", "info")}
_PIP_SETTINGS = ("index_url", "extra_index_url", "trusted_host", "proxy")
_CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE")


class ImageError(RuntimeError):
    """No image was made; the message says why and what to do."""


def builder(works: Callable[[tuple[str, ...]], bool]) -> str:
    """The builder to use.

    Args:
        works: Whether a command succeeds.

    Raises:
        ImageError: There is none.
    """
    found = next((name for name, command in _BUILDERS.items() if works(command)), None)
    if found is None:
        raise ImageError(f"none of {', '.join(_BUILDERS)} works here; install one of them or start Docker's daemon")
    return found


def pip_configuration(variables: Mapping[str, str], certificates: str | None) -> str:
    """A ``pip.conf`` that says what pip's variables say here.

    Args:
        variables: The environment.
        certificates: Where the certificates are while the image is built, if there are any.
    """
    said = {name: variables.get(f"PIP_{name.upper()}") for name in _PIP_SETTINGS}
    lines = [f"{name.replace('_', '-')} = {value}" for name, value in said.items() if value]
    lines += [f"cert = {certificates}"] if certificates else []
    return "\n".join(["[global]", *lines, ""])


def labels(manifest: Manifest) -> dict[str, str]:
    """What an image says about its bundle: OCI's own names where there are some."""
    name, _, version = manifest.tag.partition(":")
    return {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": manifest.commit,
        "keelson.bundle": manifest.tag,
        "keelson.model-versions": ",".join(variant.model_version for variant in manifest.variants),
    }


def make_image(tag: str, name: str | None, base_image: str | None) -> dict[str, str]:
    """Make the image of a bundle.

    Args:
        tag: The bundle's tag.
        name: ``repository:tag`` of the image; the bundle's tag when none is given.
        base_image: Image with a Python to build on; the pinned one when none is given.

    Returns:
        ``bundle``, ``image``, ``id`` (the image's digest) and ``builder``.

    Raises:
        ImageError: There is no builder, or it failed.
        BundleError: There is no such bundle, a file of it was changed, or it holds no Dockerfile.
    """
    folder = bundle_folder(tag)
    if not (folder / KEPT_DOCKERFILE).is_file():
        raise BundleError(
            f"{folder} is no bundle with a Dockerfile; build one with `python -m serving.bundle` and give the tag that "
            "it prints, name:version"
        )
    manifest = Manifest.read_verified(folder / "src")
    chosen, image = builder(_works), name or tag
    with tempfile.TemporaryDirectory(prefix="keelson-image-") as temporary:
        options = [f"label={key}={value}" for key, value in labels(manifest).items()]
        options += [f"build-arg=BASE_IMAGE={base_image}"] if base_image else []
        options += [f"secret=id={key},src={file}" for key, file in _secrets(Path(temporary), dict(os.environ)).items()]
        identity = Path(temporary, "id")
        _containerize(tag, chosen, image, [*options, f"iidfile={identity}"])
        return {"bundle": tag, "image": image, "id": identity.read_text().strip(), "builder": chosen}


def _works(command: tuple[str, ...]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _secrets(folder: Path, variables: Mapping[str, str]) -> dict[str, Path]:
    """Files that are there while packages are installed and in no layer of the image: an index may hold a password."""
    found = next((variables[name] for name in _CERTIFICATES if variables.get(name)), None)
    configuration = folder / "pip.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(pip_configuration(variables, "/run/secrets/ca-bundle" if found else None))
    return {"pip-conf": configuration, **({"ca-bundle": Path(found)} if found else {})}


def _containerize(tag: str, chosen: str, image: str, options: list[str]) -> None:
    command = [sys.executable, "-m", "bentoml", "containerize", tag, "--backend", chosen, "--image-tag", image]
    for option in options:
        command += ["--opt", option]
    home = str(bundle_folder(tag).parents[2].resolve())
    # BentoML reads a template only below the working folder, and makes its copy of the bundle in a temporary one.
    done = subprocess.run(
        command, cwd="/", env={**os.environ, "BENTOML_HOME": home}, stdout=sys.stderr.fileno(), check=False
    )
    if done.returncode != 0:
        raise ImageError(f"{chosen} failed to build {image}; what it said stands above")


def main(arguments: list[str]) -> None:
    """Make an image; prints one JSON line last."""
    parser = argparse.ArgumentParser(prog="python -m serving.image", description=__doc__)
    parser.add_argument("bundle", help="tag of a bundle, as `python -m serving.bundle` prints it")
    parser.add_argument("--image", help="repository:tag of the image; default: the bundle's tag")
    parser.add_argument("--base-image", help="image to build on, with Python; default: the pinned one")
    given = parser.parse_args(arguments)
    try:
        made = make_image(given.bundle, given.image, given.base_image)
    except (BundleError, ImageError) as error:
        sys.exit(f"no image was made: {error}")
    print(json.dumps(made), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
