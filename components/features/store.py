"""The feature store of a platform."""

import components.features.unchecked  # noqa: F401

# isort: split
import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import yaml
from feast import FeatureStore
from feast.infra.registry.sql import SqlRegistry
from feast.repo_config import RepoConfig
from pydantic import SecretStr

from components.platform import Platform

SETTINGS = Path(__file__).with_name("feature_store.yaml")


def feature_store(platform: Platform, versions: Mapping[str, int] | None = None) -> FeatureStore:
    """The feature store that ``feature_store.yaml`` describes, on a platform.

    Args:
        versions: Versions of the feature tables that offline reads are pinned to; others are read at their newest.
    """
    settings = _filled(yaml.safe_load(SETTINGS.read_text()), _values(platform))
    settings["offline_store"] |= {"platform": platform, "versions": dict(versions or {})}
    return FeatureStore(config=RepoConfig(**settings))


@contextmanager
def opened(platform: Platform, versions: Mapping[str, int] | None = None) -> Iterator[FeatureStore]:
    """The feature store as from ``feature_store``, whose connections to the database end with the block."""
    store = feature_store(platform, versions)
    try:
        yield store
    finally:
        # In a thread of its own: a notebook's kernel has a running event loop already, in which none other may run.
        with ThreadPoolExecutor(1) as closing:
            closing.submit(asyncio.run, store.close()).result()
        assert isinstance(store.registry, SqlRegistry)
        # Feast's own close leaves these open.
        store.registry.write_engine.dispose()


def _values(platform: Platform) -> dict[str, str]:
    """The platform's settings by the names of their environment variables."""
    values = {
        str(field.validation_alias): getattr(platform, name) for name, field in type(platform).model_fields.items()
    }
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _filled(part: Any, values: Mapping[str, str]) -> Any:
    """The settings with every ``${NAME}`` replaced."""
    if isinstance(part, dict):
        return {key: _filled(value, values) for key, value in part.items()}
    return Template(part).substitute(values) if isinstance(part, str) else part
