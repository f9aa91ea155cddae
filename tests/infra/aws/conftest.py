"""One component of the cloud layer under Pulumi's recording engine."""

from collections.abc import Callable
from typing import Any

import pytest

from infra import settings
from infra.render.engine import registered
from infra.render.recording import Recording
from infra.settings import CloudSettings

ACCOUNT = "123456789012"
REGION = "us-east-1"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"

Made = Callable[[Callable[[], object]], Recording]


@pytest.fixture
def made() -> Made:
    """Runs what declares a component, and returns what it registered."""
    return lambda program: registered(program, "dev", {})


@pytest.fixture
def chosen() -> Callable[..., CloudSettings]:
    """Settings of a stack with some of its values changed: ``chosen("prod", gpu={"limit": 2})``."""

    def load(stack: str = "dev", **groups: Any) -> CloudSettings:
        given = {f"keelson:{group.replace('_', '-')}": value for group, value in groups.items()}
        loaded = settings.load(stack, "keelson", given)
        assert isinstance(loaded, CloudSettings)
        return loaded

    return load
