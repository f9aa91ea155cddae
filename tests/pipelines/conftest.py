"""A platform on which the whole training pipeline runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from feast import feature_server
from pydantic import SecretStr

from components.features.apply import apply
from components.features.store import feature_store
from components.platform import Platform


@pytest.fixture
def live(tracked_platform: Platform, answering: Callable[[Any], AbstractContextManager[str]]) -> Iterator[Platform]:
    """A platform with MLflow, without a registered model, and with a feature store that is served."""
    apply(tracked_platform)
    with answering(feature_server.get_app(feature_store(tracked_platform), 30)) as address:
        yield tracked_platform.model_copy(update={"feast_server_url": address})


def variables(platform: Platform) -> dict[str, str]:
    """The environment that names a platform."""
    values = {str(field.validation_alias): getattr(platform, name) for name, field in Platform.model_fields.items()}
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }


@pytest.fixture
def named(live: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """The live platform, which the environment names: that is where steps look for it."""
    for name, value in variables(live).items():
        monkeypatch.setenv(name, value)
    return live


@pytest.fixture
def run_module() -> Callable[..., tuple[dict[str, Any], str]]:
    """Runs a module that must succeed, on a platform, with arguments; gives its JSON line, and its progress."""

    def run(platform: Platform, module: str, *arguments: str) -> tuple[dict[str, Any], str]:
        command = [sys.executable, "-m", module, *arguments]
        environment = os.environ | variables(platform)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.startswith("{") else {}, done.stderr

    return run
