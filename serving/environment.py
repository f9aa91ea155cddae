"""The packages of a bundle: which, at which version, and a folder that holds no others.

A bundle pins all packages that it needs, not only those that its sources name, at the versions that it is built and
checked with. So its image, and a check of it, have the same packages.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from serving.manifest import BundleError

# What the sources of every bundle import. What the model needs beside, its own manifest says.
_NEEDED_BY_SOURCES = (
    "bentoml",
    "holidays",
    "httpx",
    "msgspec",
    "numpy",
    "prometheus-client",
    "pydantic",
    "pydantic-core",
    "pydantic-settings",
    "starlette",
    "tzdata",
)

# XGBoost without CUDA is ``xgboost-cpu``: the same module in a package of a fortieth of the size.
_CPU = "-cpu"


class PackageMismatchError(BundleError):
    """A model needs another version of a package than its bundle would have."""

    def __init__(self, package: str, needed: str, present: str) -> None:
        super().__init__(
            f"the model needs {package} {needed}, the bundle has {present}; train the model again with {present}, or "
            f"build the bundle where {needed} is installed"
        )
        self.package, self.needed, self.present = package, needed, present


def pinned_packages(*required: Mapping[str, str]) -> dict[str, str]:
    """Every package of a bundle, with its version here.

    Args:
        required: What each model needs: version by package.

    Returns:
        Version by package, sorted: what the sources and the models need, and what those need.

    Raises:
        PackageMismatchError: A model needs another version than is installed here, or one that is not.
        BundleError: A package of the sources is not installed.
    """
    for package, needed in (item for packages in required for item in packages.items()):
        found = _installed(package)
        present = found.version if found else "none"
        if present != needed:
            raise PackageMismatchError(package, needed, present)
    return dict(sorted(_closure([*_NEEDED_BY_SOURCES, *(name for packages in required for name in packages)])))


def link_packages(packages: Iterable[str], folder: Path) -> None:
    """Make ``folder`` a folder of packages to import from: links to these installed packages and to no others."""
    for package in packages:
        installed = _present(package)
        for part in _importable(installed):
            link = folder / part
            if not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(Path(str(installed.locate_file(part))))


def _closure(wanted: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and version of packages and of all that they need, each once."""
    waiting = [Requirement(name) for name in wanted]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        # An extra of a package can be asked for after the package itself was seen.
        new = {(name, extra) for extra in ("", *requirement.extras)} - seen
        if not new:
            continue
        seen |= new
        installed = _present(name)
        if (name, "") in new:
            yield name, installed.version
        for text in installed.requires or ():
            needed = Requirement(text)
            # The package without CUDA does not need what CUDA needs.
            if name.endswith(_CPU) and needed.name.startswith("nvidia-"):
                continue
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for _, extra in new):
                waiting.append(needed)


def _installed(package: str) -> Distribution | None:
    """An installed package; one with CUDA stands for the one without, which a bundle has."""
    for name in (package, package.removesuffix(_CPU)):
        try:
            return distribution(name)
        except PackageNotFoundError:
            continue
    return None


def _present(package: str) -> Distribution:
    installed = _installed(package)
    if installed is None:
        raise BundleError(f"the package {package} is not installed here; run `make env`, then try again")
    return installed


def _importable(installed: Distribution) -> set[Path]:
    """What to link of a package: its files, or whole folders where nothing else can be in them."""
    found: set[Path] = set()
    for file in installed.files or ():
        path = Path(file)
        if ".." in path.parts or path.is_absolute():
            continue
        # Whole, so that Python's compiled files beside the sources are used too. A folder without __init__.py can be
        # shared with other packages.
        whole = next((parent for parent in reversed(path.parents[:-1]) if _is_package(installed, parent)), path)
        found.add(whole)
    return found


def _is_package(installed: Distribution, folder: Path) -> bool:
    return _has_init(str(installed.locate_file(folder)))


@cache
def _has_init(folder: str) -> bool:
    return (Path(folder) / "__init__.py").is_file()
