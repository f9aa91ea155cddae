"""A platform on which the whole training pipeline runs."""

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from feast import feature_server
from pydantic import SecretStr

from components.features.apply import apply
from components.features.store import feature_store
from components.platform import Platform


@pytest.fixture
def live(tracked_platform: Platform) -> Iterator[Platform]:
    """A platform with MLflow, without a registered model, and with a feature store that is served."""
    apply(tracked_platform)
    with socket.socket() as at:
        at.bind(("127.0.0.1", 0))
        app = feature_server.get_app(feature_store(tracked_platform), 30)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [at]})
        thread.start()
        yield tracked_platform.model_copy(update={"feast_server_url": f"http://127.0.0.1:{at.getsockname()[1]}"})
        server.should_exit = True
        thread.join()


@pytest.fixture
def named(live: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """The live platform, which the environment names: that is where steps look for it."""
    for name, field in Platform.model_fields.items():
        value = getattr(live, name)
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            monkeypatch.setenv(str(field.validation_alias), text)
    return live
