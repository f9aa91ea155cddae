"""An image store of its own, a base image made from Debian's packages, a bundle's image, and Feast's own server."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
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
from infra.cluster.image_store import ImageStore
from serving.trips import EXAMPLE_TRIP

ROOT = Path(__file__).resolve().parents[3]
BASE, IMAGE = "localhost/keelson-base:test", "localhost/keelson-bundle:test"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageStore]:
    """An image store of the tests' own."""
    store = ImageStore(tmp_path_factory.mktemp("images"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def variables(store: ImageStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with that image store and a bundle store; builds run without a container runtime."""
    cleared = {name: value for name, value in os.environ.items() if not name.startswith(("KEELSON_", "MLFLOW_"))}
    home = str(tmp_path_factory.mktemp("bentoml"))
    return {**cleared, **store.variables, "BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "True"}


@pytest.fixture(scope="module")
def base_image(store: ImageStore) -> str:
    """A slim Debian with Python, made from Debian's packages alone."""
    store.debian(BASE)
    return BASE


@pytest.fixture(scope="module")
def tag(model_folder: Path, variables: dict[str, str], bundle_of: Callable[[Path, Mapping[str, str]], str]) -> str:
    return bundle_of(model_folder, variables)


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
def files(made: dict[str, Any], store: ImageStore) -> Iterator[Path]:
    """Where the image's files are."""
    container = store.buildah("from", "--pull-never", made["image"])
    yield Path(store.buildah("mount", container))
    store.buildah("rm", container)


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
