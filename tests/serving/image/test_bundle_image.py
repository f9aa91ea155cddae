"""A bundle's image on a base image that is made here: what is in it, and that it answers as its pod runs it.

`make test-image` runs this; it needs root, buildah, runc and debootstrap.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from components import contract
from infra.apps import serving as on_cluster
from serving.manifest import Manifest
from serving.trips import EXAMPLE_TRIP

pytestmark = pytest.mark.image

BASE = "localhost/keelson-base:test"
INSTALLERS = {"pip", "pip3", "uv", "easy_install", "wheel", "gcc", "cc", "g++", "clang", "make"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def of(files: Path) -> Iterator[Path]:
    """Every file and folder of the image but its devices."""
    for folder, names, others in os.walk(files):
        if Path(folder) == files / "dev":
            names.clear()
            continue
        yield from (Path(folder, name) for name in (*names, *others))


def test_the_image_says_what_it_is_and_whose_user_runs_it(
    made: dict[str, Any], settings: dict[str, Any], tag: str, files: Path
) -> None:
    assert made["bundle"] == tag
    assert made["id"].startswith("sha256:")
    manifest = Manifest.read(files / "home" / "bentoml" / "bento" / "src")
    config = settings["config"]
    assert config["User"] == f"{on_cluster.BENTOML_USER}:{on_cluster.BENTOML_USER}"
    assert {name: value for name, value in config["Labels"].items() if not name.startswith("io.buildah")} == {
        "keelson.bundle": tag,
        "keelson.model-versions": "5",
        "org.opencontainers.image.base.name": BASE,
        "org.opencontainers.image.revision": manifest.commit,
        "org.opencontainers.image.title": contract.BUNDLE_NAME,
        "org.opencontainers.image.version": tag.partition(":")[2],
    }


def test_nothing_in_it_installs_or_compiles_and_no_secret_is_left(files: Path, settings: dict[str, Any]) -> None:
    programs = {path.name for path in of(files) if path.parent.name in ("bin", "sbin")}
    assert {"python3", "bash", "bentoml"} <= programs
    assert programs & INSTALLERS == set()
    modules = {path.name for path in of(files) if path.parent.name in ("site-packages", "dist-packages")}
    assert modules & {"pip", "setuptools", "wheel", "ensurepip", "uv"} == set()
    assert not list(files.glob("usr/lib/python3*/ensurepip"))
    assert list((files / "var" / "lib" / "apt" / "lists").iterdir()) == []
    assert list((files / "run" / "secrets").glob("*")) == []
    assert "pip-conf" not in json.dumps(settings)


def test_its_user_can_change_nothing_but_its_own_folder(files: Path) -> None:
    kept = (files / "tmp", files / "var" / "tmp", files / "var" / "lib" / "bentoml", files / "run" / "lock")
    changeable = [
        path
        for path in of(files)
        if not path.is_symlink() and (path.stat().st_uid == on_cluster.BENTOML_USER or path.stat().st_mode & 0o002)
    ]
    assert set(changeable) <= set(kept)
    bundle = files / "home" / "bentoml" / "bento"
    assert all(path.stat().st_mode & 0o004 for path in of(bundle))


def test_its_size_is_that_of_the_base_and_of_the_packages(files: Path) -> None:
    megabytes = {
        part or "all": sum(path.lstat().st_size for path in of(files / part) if path.is_file()) / 1e6
        for part in ("", "app", "home")
    }
    print("megabytes", json.dumps({name: round(size) for name, size in megabytes.items()}))
    # The bundle itself is small: what makes an image large is in its packages.
    assert megabytes["home"] < 10 < megabytes["app"] < megabytes["all"]


def volume(path: str, folder: Path) -> dict[str, Any]:
    """An empty folder mounted at ``path``, as a kubelet makes it for the pod's group."""
    empty = folder / path.replace("/", "-").strip("-")
    empty.mkdir()
    os.chown(empty, 0, on_cluster.BENTOML_USER)
    empty.chmod(0o2777)
    return {"destination": path, "type": "bind", "source": str(empty), "options": ["bind", "nosuid", "nodev"]}


class Running:
    """The image as its pod runs it: its user, no rights, a read-only file system and its empty volumes.

    Attributes:
        url: Where it listens; the network is this machine's own.
        name: The container's.
        log: What it says.
    """

    def __init__(self, files: Path, config: dict[str, Any], variables: dict[str, str], folder: Path) -> None:
        self.name, self.log = f"keelson-{os.getpid()}", folder / "log"
        self.url = f"http://127.0.0.1:{variables['BENTOML_PORT']}"
        # A pod has this file from its node.
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        subprocess.run(["runc", "spec", "--bundle", str(folder)], check=True)
        spec = json.loads((folder / "config.json").read_text())
        spec["root"] = {"path": str(files), "readonly": True}
        spec["process"] |= {
            "terminal": False,
            "user": dict(zip(("uid", "gid"), map(int, config["User"].split(":")), strict=True)),
            "args": [*config["Entrypoint"], *on_cluster.workload("", "required").arguments],
            "env": [*config["Env"], *(f"{name}={value}" for name, value in variables.items())],
            "cwd": config["WorkingDir"],
            "capabilities": {},
            "noNewPrivileges": True,
        }
        spec["linux"]["namespaces"] = [part for part in spec["linux"]["namespaces"] if part["type"] != "network"]
        pod = on_cluster.workload("", "required")
        spec["mounts"] += [volume(path, folder) for path in (*pod.scratch, *pod.disks)]
        hosts = {
            "destination": "/etc/hosts",
            "type": "bind",
            "source": str(folder / "hosts"),
            "options": ["bind", "ro"],
        }
        spec["mounts"].append(hosts)
        (folder / "config.json").write_text(json.dumps(spec))
        with self.log.open("wb") as log:
            command = ["runc", "run", "--bundle", str(folder), self.name]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def inside(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in the container, as its user."""
        return subprocess.run(["runc", "exec", self.name, *command], capture_output=True, text=True, check=False)

    def stop(self) -> None:
        """As a node stops a pod."""
        subprocess.run(["runc", "kill", self.name, "TERM"], capture_output=True, check=False)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            subprocess.run(["runc", "delete", "--force", self.name], check=False)
            self.process.wait(10)


def status(url: str) -> int | None:
    try:
        return httpx.get(url, timeout=3).status_code
    except httpx.TransportError:
        return None


def wait_until_ready(url: str, log: Path) -> None:
    limit = time.monotonic() + 90
    while status(f"{url}/readyz") != 200:
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.2)


@pytest.fixture
def pod_variables(feast: str) -> dict[str, str]:
    """What the cluster layer sets, for a feature server and a free port of this machine."""
    said = on_cluster.workload("", "required").environment
    plain = {name: value for name, value in said.items() if isinstance(value, str)}
    here = {"BENTOML_HOST": "127.0.0.1", "BENTOML_PORT": str(free_port()), "KEELSON_FEAST_SERVER_URL": feast}
    return {"HOME": "/tmp", **plain, **here}


@pytest.fixture
def running(files: Path, settings: dict[str, Any], pod_variables: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    running = Running(files, settings["config"], pod_variables, tmp_path)
    try:
        wait_until_ready(running.url, running.log)
        yield running
    finally:
        running.stop()


@pytest.fixture
def outside(tag: str, variables: dict[str, str], feast: str, tmp_path: Path) -> Iterator[str]:
    """Address of the same bundle, served without an image."""
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", tag, "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "outside.log").open("wb") as log:
        started = subprocess.Popen(
            command, env={**variables, "KEELSON_FEAST_SERVER_URL": feast}, stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", tmp_path / "outside.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait(30)


def test_it_answers_as_its_bundle_does_on_a_read_only_file_system(running: Running, outside: str, tag: str) -> None:
    def answer(url: str) -> dict[str, Any]:
        said = httpx.post(f"{url}/predict", json=EXAMPLE_TRIP, timeout=10).raise_for_status().json()
        said.pop("request_id")
        return said

    said = answer(running.url)
    assert (said["bundle"], said["model_version"]) == (tag, "5")
    assert said == answer(outside)
    assert "keelson_serving_missing_features_total 0.0" in httpx.get(f"{running.url}/metrics").text
    who = running.inside("id", "-u").stdout.strip()
    assert who == str(on_cluster.BENTOML_USER)
    for path in ("/home/bentoml/bento/src/bundle.json", "/app/.venv/new", "/etc/passwd"):
        assert running.inside("sh", "-c", f"echo changed >> {path}").returncode == 2
    # Anybody may write there, but for the file system.
    assert "Read-only file system" in running.inside("touch", "/var/tmp/new").stderr
    assert running.inside("python3", "-m", "pip").returncode == 1


def test_it_starts_from_compiled_files(running: Running) -> None:
    told = running.inside("python3", "-v", "-c", "import bentoml, lightgbm, polars, scipy.sparse").stderr
    loaded = re.findall(r"code object from '/app/\.venv/\S+(\.pyc?)'", told)
    assert len(loaded) > 100
    assert set(loaded) == {".pyc"}
