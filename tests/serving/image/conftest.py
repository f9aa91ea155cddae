"""An image store of its own, a base image made from Debian's packages, a bundle's image, and Feast's own server."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import uvicorn

from components import contract
from components.features.apply import apply
from components.features.store import feature_store, opened
from components.platform import Platform
from components.tables import PAIR_FEATURES_TABLE, ZONE_FEATURES_TABLE
from serving.trips import EXAMPLE_TRIP

ROOT = Path(__file__).resolve().parents[3]
BASE, IMAGE = "localhost/keelson-base:test", "localhost/keelson-bundle:test"
# With pip and what belongs to it, as the official images of Python have them.
PACKAGES = "python3,python3-venv,python3-pip"
BUILD = """
import sys
from pathlib import Path
from serving.bundle import build_bundle
from serving.registry import RegisteredModel
print(build_bundle(RegisteredModel(Path(sys.argv[1]), "5", "run", "3")))
"""


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment with an image store and a bundle store of its own; builds run without a container runtime."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
    )
    cleared = {name: value for name, value in os.environ.items() if not name.startswith(("KEELSON_", "MLFLOW_"))}
    yield {
        **cleared,
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "BUILDAH_ISOLATION": "chroot",
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    subprocess.run(["umount", "--quiet", str(folder / "images" / "overlay")], check=False)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def buildah(variables: dict[str, str]) -> Callable[..., str]:
    """Runs buildah on the test's own store; returns the last line that it prints."""

    def call(*arguments: str) -> str:
        done = subprocess.run(["buildah", *arguments], env=variables, stdout=subprocess.PIPE, text=True, check=True)
        return (done.stdout.strip().splitlines() or [""])[-1]

    return call


@pytest.fixture(scope="module")
def base_image(buildah: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A slim Debian with Python, made from Debian's packages alone."""
    folder = tmp_path_factory.mktemp("base")
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(folder / "root")],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    archive = ["tar", "--directory", str(folder / "root"), "--exclude=./dev/*", "--exclude=./proc/*"]
    archive += ["--exclude=./var/cache/apt/archives/*.deb", "--create", "--file", str(folder / "root.tar"), "."]
    subprocess.run(archive, check=True)
    shutil.rmtree(folder / "root")
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(folder / "root.tar"), "/")
    buildah("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    buildah("commit", "--quiet", "--rm", container, BASE)
    yield BASE
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tag(model_folder: Path, variables: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(model_folder)], cwd=ROOT, env=variables, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode().split()[-1]


@pytest.fixture(scope="module")
def made(tag: str, base_image: str, variables: dict[str, str]) -> dict[str, Any]:
    """What `make image` says."""
    command = ["make", "--silent", "image", f"BUNDLE={tag}", f"BASE_IMAGE={base_image}", f"IMAGE={IMAGE}"]
    done = subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, "no image was made; what the builder said stands above"
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def settings(made: dict[str, Any], variables: dict[str, str]) -> dict[str, Any]:
    """The image's own configuration, by OCI's names."""
    said = subprocess.run(
        ["buildah", "inspect", "--type", "image", made["image"]], env=variables, stdout=subprocess.PIPE, check=True
    )
    return json.loads(said.stdout)["OCIv1"]


@pytest.fixture(scope="module")
def files(made: dict[str, Any], buildah: Callable[..., str]) -> Iterator[Path]:
    """Where the image's files are."""
    container = buildah("from", "--pull-never", made["image"])
    yield Path(buildah("mount", container))
    buildah("rm", container)


@pytest.fixture
def feast(platform: Platform) -> Iterator[str]:
    """Address of Feast's own feature server, which knows the zones of the example trip."""
    apply(platform)
    pickup, dropoff = EXAMPLE_TRIP[contract.PICKUP_ZONE], EXAMPLE_TRIP[contract.DROPOFF_ZONE]
    now = datetime.now(UTC)
    with opened(platform) as store:
        for view, key, entity, names in (
            (ZONE_FEATURES_TABLE, contract.ZONE_KEY, pickup, contract.ZONE_FEATURES),
            (PAIR_FEATURES_TABLE, contract.PAIR_KEY, pickup * contract.PAIR_FACTOR + dropoff, contract.PAIR_FEATURES),
        ):
            row = {key: entity, contract.EVENT_TIME: now, **dict.fromkeys(names, 90_000.0)}
            store.write_to_online_store(view, pd.DataFrame([row]))
    with socket.socket() as at:
        at.bind(("127.0.0.1", 0))
        # Not above: the import tells prometheus_client to share its counts between processes, in every other test too.
        from feast import feature_server

        app = feature_server.get_app(feature_store(platform), 30)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [at]})
        thread.start()
        yield f"http://127.0.0.1:{at.getsockname()[1]}"
        server.should_exit = True
        thread.join()
