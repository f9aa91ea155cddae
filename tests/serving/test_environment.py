"""What a bundle pins, and a folder of packages that holds nothing else."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from serving.environment import PackageMismatchError, link_packages, pinned_packages
from serving.manifest import BundleError

IMPORT = "import importlib, sys; sys.path[:0] = sys.argv[1:2]; importlib.import_module(sys.argv[2])"


def imports(packages: Path, module: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-c", IMPORT, str(packages), module]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    link_packages(pinned_packages({"lightgbm": version("lightgbm")}), folder)
    return folder


def test_all_that_is_needed_directly_or_not_is_pinned_as_installed() -> None:
    pinned = pinned_packages({"lightgbm": version("lightgbm")})
    assert {"bentoml", "httpx", "lightgbm", "pydantic", "starlette", "scipy", "h11"} <= pinned.keys()
    assert all(found == version(name) for name, found in pinned.items())
    assert list(pinned) == sorted(pinned)


def a_package(folder: Path, name: str, *needs: str) -> None:
    """Metadata of an installed package, version 1."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1", *(f"Requires-Dist: {need}" for need in needs)]
    (folder / f"{name}-1.dist-info").mkdir()
    (folder / f"{name}-1.dist-info" / "METADATA").write_text("\n".join(lines))


def test_what_an_extra_needs_is_pinned_and_what_no_extra_asks_for_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_package(tmp_path, "first", "second", "third")
    a_package(tmp_path, "second", "third[fast]", "fifth; python_version < '3'")
    a_package(tmp_path, "third", "fourth; extra == 'fast'", "sixth; extra == 'slow'", "first")
    a_package(tmp_path, "fourth")
    monkeypatch.syspath_prepend(tmp_path)
    pinned = pinned_packages({"first": "1"})
    assert [name for name, found in pinned.items() if found == "1"] == ["first", "fourth", "second", "third"]


def test_a_package_that_another_needs_but_is_not_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_package(tmp_path, "first", "no-such-package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BundleError, match="no-such-package is not installed"):
        pinned_packages({"first": "1"})


def test_where_a_package_is_installed_with_cuda_the_bundle_has_the_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_package(tmp_path, "trees", "second", "nvidia-nccl-cu12")
    a_package(tmp_path, "second")
    monkeypatch.syspath_prepend(tmp_path)
    pinned = pinned_packages({"trees-cpu": "1"})
    assert [name for name, found in pinned.items() if found == "1"] == ["second", "trees-cpu"]


def test_a_bundle_has_the_packages_of_its_own_model_only() -> None:
    assert "lightgbm" not in pinned_packages({})
    assert "lightgbm" in pinned_packages({"lightgbm": version("lightgbm")})


@pytest.mark.parametrize(
    ("package", "needed", "present"), [("lightgbm", "4.0.0", version("lightgbm")), ("catboost", "1.2", "none")]
)
def test_another_version_than_the_model_needs_is_named(package: str, needed: str, present: str) -> None:
    with pytest.raises(PackageMismatchError, match=f"needs {package} {needed}, the bundle has {present}") as refused:
        pinned_packages({package: needed})
    assert isinstance(refused.value, BundleError)
    assert (refused.value.package, refused.value.needed, refused.value.present) == (package, needed, present)


@pytest.mark.parametrize("module", ["bentoml", "lightgbm", "holidays", "scipy.stats", "opentelemetry.sdk"])
def test_what_is_pinned_can_be_imported(packages: Path, module: str) -> None:
    done = imports(packages, module)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["polars", "sklearn", "mlflow", "feast", "xgboost", "pipelines", "components"])
def test_nothing_else_can_be_imported(packages: Path, module: str) -> None:
    assert f"ModuleNotFoundError: No module named '{module}'" in imports(packages, module).stderr
