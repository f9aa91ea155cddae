"""How a bundle becomes an image: the template of its Dockerfile, which is part of it, and how BentoML gets it."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from serving.manifest import BundleError

# Below the bundle's sources, as below the project's root.
DOCKERFILE = Path("serving", "Dockerfile.template")
# Where BentoML keeps it in a bundle that was built with it.
KEPT_DOCKERFILE = Path("env", "docker", "Dockerfile.template")


def docker_options() -> dict[str, str]:
    """BentoML's ``docker`` options of a bundle: Python as here, whose packages it pins, and the template."""
    return {
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "dockerfile_template": DOCKERFILE.as_posix(),
    }


@contextlib.contextmanager
def where_template_is_read(staging: Path, store: Path) -> Iterator[None]:
    """Work in ``staging``: BentoML reads a template only below the working folder, and not below a hidden one.

    Raises:
        BundleError: ``staging`` is below a hidden folder, or ``store`` is relative to where it was before.
    """
    hidden = next((part for part in staging.resolve().parts if part.startswith(".")), None)
    if hidden is not None:
        raise BundleError(f"{staging} is below {hidden}, and BentoML reads nothing in hidden folders; set TMPDIR")
    if not store.is_absolute():
        raise BundleError(f"BENTOML_HOME leads to {store}; give its absolute path")
    with contextlib.chdir(staging):
        yield
