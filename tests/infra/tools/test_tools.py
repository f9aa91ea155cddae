"""Getting tools: PATH, cache, release, Go, in this order, and what is said when none of them gives one."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.tools.catalogue import load

if TYPE_CHECKING:
    from tests.infra.tools.conftest import Machine

TOOL = """
[tool]
version = "1.2.0"
accept = ">=1.2,<2"
ask = ["--version"]
"""
RELEASE = """
[tool.release]
url = "@/tool-{version}.tar.gz"
checksums = "@/checksums.txt"
platforms = { % }
files = { tool = "tool" }
"""
GO = """
[tool.go]
module = "example.org/tool"
package = "example.org/tool/cmd/tool"
ldflags = "-X main.Version={version}"
"""
ARCHIVE = "/tool-1.2.0.tar.gz"
CONTENT = {"tool-1.2.0/tool": "#!/bin/sh\necho released\n"}


def answer(machine: Machine, name: str = "tool", clone: Path | None = None) -> str:
    """What the clone's linked program prints."""
    program = (clone or machine.clone) / ".local" / "bin" / name
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip()


def test_a_program_on_path_with_a_fitting_version_is_linked_and_nothing_else_is_tried(machine: Machine) -> None:
    machine.go()
    machine.program("tool", "echo tool, version 1.9.3")
    assert machine.install(machine.catalogue(TOOL + RELEASE + GO)) == 0
    assert answer(machine) == "tool, version 1.9.3"
    assert machine.releases.asked == []
    assert machine.calls("build") == 0


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo tool 1.1.9", "is 1.1.9, needed is >=1.2,<2"),
        ("echo v2.0.0", "is 2.0.0, needed is"),
        ("echo Version : git", "does not say its version"),
        ("echo 1.2.0; exit 1", "does not say its version"),
    ],
)
def test_a_program_on_path_that_does_not_fit_is_passed_over_with_the_reason(
    machine: Machine, capsys: pytest.CaptureFixture[str], script: str, told: str
) -> None:
    machine.program("tool", script)
    machine.releases.publish(ARCHIVE, CONTENT)
    assert machine.install(machine.catalogue(TOOL + RELEASE)) == 0
    assert told in capsys.readouterr().out
    assert answer(machine) == "released"


def test_a_verified_release_is_cached_so_that_a_second_clone_downloads_nothing(machine: Machine) -> None:
    machine.releases.publish(ARCHIVE, CONTENT)
    catalogue = machine.catalogue(TOOL + RELEASE)
    assert machine.install(catalogue) == 0
    assert machine.releases.asked == [ARCHIVE, "/checksums.txt"]
    second = machine.make_clone("second")
    assert machine.install(catalogue, second) == 0
    assert answer(machine, clone=second) == "released"
    assert len(machine.releases.asked) == 2


def test_a_pinned_checksum_is_used_before_the_published_one(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = machine.releases.publish(ARCHIVE, CONTENT, checksum="0" * 64)
    systems = ("linux-x86_64", "linux-aarch64", "darwin-x86_64", "darwin-aarch64")

    def pinned(value: str) -> str:
        return TOOL + RELEASE + "sha256 = { " + ", ".join(f'{name} = "{value}"' for name in systems) + " }\n"

    assert machine.install(machine.catalogue(pinned("1" * 64))) == 1
    assert f"has SHA-256 {digest}, expected {'1' * 64}; it is not used" in capsys.readouterr().out
    assert machine.install(machine.catalogue(pinned(digest))) == 0
    assert "/checksums.txt" not in machine.releases.asked


def test_a_release_with_a_wrong_checksum_is_refused_and_the_tool_is_built(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.releases.publish(ARCHIVE, CONTENT, checksum="0" * 64)
    machine.go()
    assert machine.install(machine.catalogue(TOOL + RELEASE + GO)) == 0
    told = capsys.readouterr().out
    assert "it is not used" in told
    assert "tool 1.2.0 (built with Go)" in told
    assert answer(machine) == "built"


def test_a_release_without_a_top_folder_whose_checksums_are_sha512_is_verified_and_taken(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.releases.publish(ARCHIVE, {"tool": CONTENT["tool-1.2.0/tool"], "README": "x"})
    digest = hashlib.sha512(machine.releases.files[ARCHIVE]).hexdigest()
    catalogue = machine.catalogue(TOOL + RELEASE.replace("files", "flat = true\nfiles"))
    machine.releases.files["/checksums.txt"] = f"{'0' * 128}  {ARCHIVE.lstrip('/')}\n".encode()
    assert machine.install(catalogue) == 1
    assert f"has SHA-512 {digest}, expected {'0' * 128}; it is not used" in capsys.readouterr().out
    machine.releases.files["/checksums.txt"] = f"{digest}  {ARCHIVE.lstrip('/')}\n".encode()
    assert machine.install(catalogue) == 0
    assert answer(machine) == "released"


def test_a_download_that_is_cut_short_is_not_used(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.releases.publish(ARCHIVE, CONTENT)
    machine.releases.cut.add(ARCHIVE)
    catalogue = machine.catalogue(TOOL + RELEASE)
    assert machine.install(catalogue) == 1
    assert "not by official release: 127.0.0.1" in capsys.readouterr().out
    assert not (machine.cache / "tools").exists()
    machine.releases.cut.clear()
    assert machine.install(catalogue) == 0


def test_a_release_writes_nothing_outside_its_place_in_the_cache(machine: Machine) -> None:
    machine.releases.publish(
        ARCHIVE, {**CONTENT, "tool-1.2.0/../../../escaped": "x", "/tmp/../escaped/absolute": "x", "other": "x"}
    )
    home = TOOL + RELEASE.replace("files", "home = true\nfiles")
    assert machine.install(machine.catalogue(home)) == 0
    assert not list(machine.root.rglob("escaped*"))
    (folder,) = (machine.cache / "tools" / "tool").iterdir()
    assert (machine.clone / ".local/bin/tool-home").readlink() == folder / "home"
    assert answer(machine) == "released"


def test_offline_no_release_is_asked_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEELSON_OFFLINE", "1")
    machine.releases.publish(ARCHIVE, CONTENT)
    machine.go()
    assert machine.install(machine.catalogue(TOOL + RELEASE + GO)) == 0
    assert machine.releases.asked == []
    assert answer(machine) == "built"


def test_two_installs_at_once_build_once(machine: Machine) -> None:
    machine.go(seconds=0.5)
    machine.catalogue(TOOL + GO)
    clones = [machine.clone, machine.make_clone("second")]
    running = [machine.start(clone) for clone in clones]
    told = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert machine.calls("build") == 1
    assert [answer(machine, clone=clone) for clone in clones] == ["built", "built"]


def test_a_killed_build_leaves_nothing_half_installed(machine: Machine) -> None:
    machine.go(seconds=300)
    catalogue = machine.catalogue(TOOL + GO)
    process = machine.start(machine.clone)
    deadline = time.monotonic() + 120
    while not list(machine.cache.glob("staging/tool/*/bin/tool")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (machine.cache / "tools").exists()
    machine.go()
    assert machine.install(catalogue) == 0
    assert answer(machine) == "built"
    assert not list(machine.cache.glob("staging/*"))


def test_a_build_uses_the_cache_for_all_that_go_keeps_and_never_changes_the_pins(machine: Machine) -> None:
    values = '"$GOPATH" "$GOMODCACHE" "$GOCACHE" "$GOFLAGS"'
    machine.program("go", f'for value in {values}; do echo "$value"; done > "{machine.log}"; exit 1')
    machine.install(machine.catalogue(TOOL + GO))
    *folders, flags = machine.log.read_text().splitlines()
    assert all(folder.startswith(str(machine.cache)) for folder in folders)
    assert flags == "-mod=readonly -trimpath -buildvcs=false"


def test_a_changed_pin_builds_again(machine: Machine) -> None:
    machine.go()
    catalogue = machine.catalogue(TOOL + GO)
    machine.install(catalogue)
    machine.install(catalogue)
    assert machine.calls("build") == 1
    (machine.root / "catalogue" / "tool" / "go.sum").write_text("example.org/tool v1.2.1 h1:x\n")
    machine.install(catalogue)
    assert machine.calls("build") == 2


def test_a_failing_build_shows_its_last_lines_and_the_ways_to_get_the_tool(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.program("go", "echo 'verifying module: checksum mismatch' >&2; exit 1")
    assert machine.install(machine.catalogue(TOOL + RELEASE + GO)) == 1
    told = capsys.readouterr()
    assert "`go build` failed with exit status 1\n    verifying module: checksum mismatch" in told.out
    assert "missing: tool. To get it: put tool >=1.2,<2 on PATH, or let this machine reach http" in told.err
    assert not (machine.clone / ".local/bin/tool").is_symlink()


def test_nothing_available_says_what_is_missing_and_fails(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert machine.install(machine.catalogue(TOOL + GO)) == 1
    told = capsys.readouterr()
    assert "there is no Go on PATH" in told.out
    assert "install Go (https://go.dev/dl)" in told.err


def test_an_absent_optional_tool_is_told_in_one_line_and_not_waited_for_again(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = machine.catalogue(TOOL + "optional = true\n" + RELEASE)
    for _ in range(2):
        assert machine.install(catalogue) == 0
        assert "tools: tool is absent; the stack comes up without it" in capsys.readouterr().out
    assert machine.releases.asked == [ARCHIVE]


HOST = """
[host]
version = "3.0"
beside = "tool"
extra = ["tool-exec"]
[host.go]
module = "example.org/host"
package = "example.org/host/cmd"
files = { tool-exec = "tool-exec" }
"""


def test_a_tool_that_its_neighbours_release_holds_is_taken_from_it(machine: Machine) -> None:
    machine.go()
    files = '[tool.release.files]\ntool = "tool"\nhost = "host"\ntool-exec = "tool-exec"\n'
    members = {f"tool/{name}": f"#!/bin/sh\necho {name}\n" for name in ("tool", "host", "tool-exec")}
    machine.releases.publish(ARCHIVE, members)
    release = RELEASE.replace('files = { tool = "tool" }', "") + files
    assert machine.install(machine.catalogue(TOOL + release + HOST)) == 0
    assert answer(machine, "host") == "host"
    assert machine.calls("build") == 0


def test_a_tool_whose_neighbour_stands_alone_is_built_with_its_extra_files(machine: Machine) -> None:
    machine.go()
    machine.program("tool", "echo 1.5")
    assert machine.install(machine.catalogue(TOOL + HOST)) == 0
    assert answer(machine, "host") == "built"
    assert answer(machine, "tool-exec") == "exec"


def test_a_tool_of_a_group_is_left_to_what_needs_it(machine: Machine) -> None:
    machine.go()
    catalogue = machine.catalogue(TOOL + 'group = "checks"\n' + GO)
    assert machine.install(catalogue) == 0
    assert catalogue.tools == ()
    assert machine.calls("build") == 0
    versions = machine.root / "catalogue" / "versions.toml"
    assert [tool.name for tool in load(versions, group="checks").tools] == ["tool"]
