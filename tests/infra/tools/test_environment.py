"""The environment, the clone's own files, and the doctor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.tools import doctor
from infra.tools.catalogue import HERE, find_version, fits, load

if TYPE_CHECKING:
    from tests.infra.tools.conftest import Machine

TOOL = """
[tool]
version = "1.2.0"
accept = ">=1.2,<2"
ask = ["--version"]
[tool.go]
module = "example.org/tool"
package = "example.org/tool/cmd/tool"
"""


@pytest.fixture
def equipped(machine: Machine) -> Machine:
    """A machine whose PATH has the tool."""
    machine.program("tool", "echo 1.2.0")
    return machine


def test_an_install_with_nothing_to_do_runs_no_program(machine: Machine) -> None:
    machine.program("tool", f'echo tool >> "{machine.log}"; echo 1.2.0')
    catalogue = machine.catalogue(TOOL)
    machine.install(catalogue)
    before = machine.log.read_text()
    assert machine.install(catalogue) == 0
    assert machine.log.read_text() == before


def test_a_program_that_changed_is_asked_for_its_version_again(
    equipped: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = equipped.catalogue(TOOL)
    equipped.install(catalogue)
    equipped.program("tool", "echo 1.30.0")
    equipped.install(catalogue)
    assert "tool 1.30.0 (PATH)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["uv.lock", "pyproject.toml"])
def test_the_environment_is_made_again_when_what_it_is_made_from_changes(equipped: Machine, name: str) -> None:
    catalogue = equipped.catalogue(TOOL)
    equipped.install(catalogue)
    with (equipped.clone / name).open("a") as file:
        file.write("# changed\n")
    equipped.install(catalogue)
    equipped.install(catalogue)
    assert equipped.calls("sync") == 2


def test_a_failing_sync_shows_its_last_lines_and_leaves_nothing_that_passes_for_made(
    equipped: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = equipped.clone / "uv.lock"
    script, first = (equipped.bin / "uv").read_text(), lock.read_text()
    catalogue = equipped.catalogue(TOOL)
    equipped.install(catalogue)
    equipped.program("uv", '[ "$1" = --version ] && echo uv 0.13.9 && exit\necho no space left >&2; exit 2')
    lock.write_text("version = 2\n")
    assert equipped.install(catalogue) == 1
    assert "uv sync --frozen failed with exit status 2\n    no space left" in capsys.readouterr().err
    equipped.program("uv", script)
    lock.write_text(first)
    assert equipped.install(catalogue) == 0
    assert equipped.calls("sync") == 2


def test_without_a_fitting_python_the_install_names_what_to_install(
    equipped: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    (equipped.clone / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.99"\n')
    assert equipped.install(equipped.catalogue(TOOL)) == 1
    assert "the environment needs >=3.99, and neither python3.12 nor python3.11 is on PATH" in capsys.readouterr().err


def test_without_uv_pip_and_venv_the_install_names_the_package_to_install(
    equipped: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (equipped.bin / "uv").unlink()
    bare = equipped.program("bare-python", "exit 1")
    monkeypatch.setattr(sys, "executable", str(bare))
    assert equipped.install(equipped.catalogue(TOOL)) == 1
    assert "`apt install python3-venv`" in capsys.readouterr().err


def test_uv_is_installed_by_its_hash_into_the_cache(equipped: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (equipped.bin / "uv").unlink()
    pip = f"""
case "$3" in --version) exit;; esac
while [ "$1" != --target ]; do shift; done
while read -r line; do echo "$line" >> "{equipped.log}"; done < "$4"
mkdir -p "$2/bin"; printf '#!/bin/sh\\nmkdir -p "$UV_PROJECT_ENVIRONMENT"\\n' > "$2/bin/uv"; chmod +x "$2/bin/uv"
"""
    monkeypatch.setattr(sys, "executable", str(equipped.program("python-with-pip", pip)))
    equipped.catalogue(TOOL)
    versions = equipped.root / "catalogue" / "versions.toml"
    versions.write_text(versions.read_text().replace("sha256 = []", 'sha256 = ["abc"]'))
    assert equipped.install(load(versions)) == 0
    assert equipped.log.read_text() == "uv==0.13.9 --hash=sha256:abc\n"
    assert (equipped.cache / "tools/uv/0.13.9/bin/uv").is_file()


def test_dynamic_resources_run_in_the_clones_environment(equipped: Machine) -> None:
    equipped.install(equipped.catalogue(TOOL))
    script = equipped.clone / ".local/bin/pulumi-resource-pulumi-python"
    told = subprocess.run([script, "127.0.0.1:1", "a b"], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["-u", "-m", "pulumi.dynamic", "127.0.0.1:1", "a b"]


def test_a_clones_own_links_are_not_found_as_programs_on_path(
    equipped: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = equipped.catalogue(TOOL)
    equipped.install(catalogue)
    monkeypatch.setenv("PATH", f"{equipped.clone}/.local/bin:{equipped.bin}")
    assert equipped.install(catalogue) == 0
    assert (equipped.clone / ".local/bin/tool").readlink() == equipped.bin / "tool"
    record = json.loads((equipped.clone / ".local/tools.json").read_text())
    assert record["tools"]["tool"]["programs"] == {"tool": str(equipped.bin / "tool")}


def test_a_tool_that_is_gone_loses_its_link(equipped: Machine) -> None:
    catalogue = equipped.catalogue(TOOL)
    equipped.install(catalogue)
    (equipped.bin / "tool").unlink()
    assert equipped.install(catalogue) == 1
    assert not (equipped.clone / ".local/bin/tool").is_symlink()


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_the_doctor_works_before_anything_is_installed_and_installs_nothing(machine: Machine) -> None:
    catalogue = machine.catalogue(TOOL)
    before = everything(machine.root)
    states = {line.name: line.state for line in doctor.examine(machine.clone, catalogue)}
    assert states["environment"] == "to do"
    assert states["tool"] == states["git"] == states["make"] == "missing"
    machine.go()
    assert {line.name: line.state for line in doctor.examine(machine.clone, catalogue)}["tool"] == "to do"
    assert [path for path in everything(machine.root) if path not in before and path.name not in ("go", "calls")] == [
        machine.root / "source",
        machine.root / "source" / "tool-exec",
    ]


def test_the_doctor_says_where_a_tool_was_found(equipped: Machine) -> None:
    catalogue = equipped.catalogue(TOOL)
    equipped.install(catalogue)
    lines = {line.name: line for line in doctor.examine(equipped.clone, catalogue)}
    assert lines["tool"] == doctor.Line("tool", "ok", "1.2.0", f"{equipped.bin / 'tool'} (PATH)")
    assert lines["environment"].state == "ok"
    assert "ok       tool" in doctor.table(list(lines.values()))


def test_the_doctor_prints_json_and_fails_when_something_needed_is_missing(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["doctor", "--json"])
    monkeypatch.setenv("KEELSON_OFFLINE", "1")
    assert doctor.main() == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert {"name": "git", "state": "missing"}.items() <= told["checks"][0].items()


def test_each_go_module_pins_the_version_that_the_catalogue_names() -> None:
    for tool in (*load().tools, *load(group="checks").tools, *load(group="load").tools, *load(group="logs").tools):
        if tool.go is None:
            continue
        requirements = dict(
            line.removeprefix("require ").split()[:2]
            for line in (tool.go.folder / "go.mod").read_text().splitlines()
            if tool.go.module in line
        )
        # Prometheus 3.5.0 is v0.305.0 as a module.
        major, minor, patch = tool.version.split(".")
        expected = (
            f"v0.{int(major)}{int(minor):02}.{patch}" if tool.go.folder.name == "prometheus" else f"v{tool.version}"
        )
        assert requirements[tool.go.module] == expected
        if tool.go.package == ".":
            assert f'"{tool.go.module}"' in (tool.go.folder / "main.go").read_text()
        else:
            assert f'_ "{tool.go.package}"' in (tool.go.folder / "tools.go").read_text()


@pytest.mark.parametrize("system", ["linux-x86_64", "linux-aarch64", "darwin-x86_64", "darwin-aarch64"])
def test_each_release_names_an_archive_for_each_supported_machine(system: str) -> None:
    tools = [tool for group in (None, "load") for tool in load(HERE / "versions.toml", system, group).tools]
    releases = [tool.release for tool in tools if tool.release]
    assert len(releases) == 7
    assert all(release.url and "{" not in release.url + release.checksums for release in releases)


def test_a_machine_without_releases_is_no_error() -> None:
    assert all(tool.release.url is None for tool in load(HERE / "versions.toml", "sunos-sparc").tools if tool.release)


numbers = st.lists(st.integers(0, 400), min_size=1, max_size=4)


@given(numbers, numbers)
def test_a_version_lies_on_one_side_of_any_limit(version: list[int], limit: list[int]) -> None:
    text, bound = (".".join(map(str, parts)) for parts in (version, limit))
    assert fits(text, f">={bound}") != fits(text, f"<{bound}")
    assert fits(text, f">={bound}") == (version + [0] * 4 >= (limit + [0] * 4)[:4])


def test_a_range_with_another_operator_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'~=1.2' is not '>=' or '<'"):
        fits("1.2", "~=1.2")


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("v3.250.0", "3.250.0"),
        ("prometheus, version 3.5.0 (branch: HEAD, revision: 8be3a9560f)", "3.5.0"),
        ("prometheus, version  (branch: , revision: unknown)", None),
        ("Version  : git\nBuild    : norev", None),
        ("grafana version 12.1.0", "12.1.0"),
    ],
)
def test_the_version_is_read_from_what_programs_print(printed: str, version: str | None) -> None:
    assert find_version(printed) == version
