"""The image holds the locked environment and runs as nobody in particular."""

import re
import tomllib
from pathlib import Path

from components.image import IMAGE

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "components" / "Dockerfile").read_text().splitlines()
VERSIONS = tomllib.loads((ROOT / "infra" / "versions.toml").read_text())
TOOLS = tomllib.loads((ROOT / "infra" / "tools" / "versions.toml").read_text())


def only(pattern: str) -> str:
    (found,) = [match[1] for line in LINES if (match := re.search(pattern, line))]
    return found


def test_the_image_that_components_name_is_the_one_that_the_stacks_pull() -> None:
    assert VERSIONS["images"]["components"] == IMAGE


def test_packages_come_from_the_lock_by_the_pinned_uv_and_none_are_for_development() -> None:
    assert only(r"uv==(\S+)") == TOOLS["uv"]["version"]
    syncs = [line for line in LINES if line.startswith("RUN uv sync")]
    assert len(syncs) == 2
    assert all("--frozen --no-default-groups " in line for line in syncs)


def test_the_accelerators_group_is_chosen_by_a_build_argument_and_is_the_processors_by_default() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert only(r"^ARG ACCELERATOR=(\S+)") == "cpu"
    assert {"cpu", "cuda"} <= groups["dependency-groups"].keys()
    syncs = [line for line in LINES if line.startswith("RUN uv sync")]
    assert all('--group "${ACCELERATOR}"' in line for line in syncs)


def test_the_base_image_is_pinned_and_can_be_exchanged() -> None:
    assert re.fullmatch(r"\S+:\d+\.\d+\.\d+-\S+", only(r"^ARG BASE_IMAGE=(\S+)"))
    assert "FROM ${BASE_IMAGE}" in LINES


def test_it_runs_as_a_user_without_a_name() -> None:
    user, group = only(r"^USER (\S+)").split(":")
    assert int(user) > 10000
    assert int(group) > 10000


def test_every_package_of_the_project_is_copied_and_reaches_the_build() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for package in packages:
        assert f"COPY {package} {package}" in LINES
        assert f"!{package}" in ignored
