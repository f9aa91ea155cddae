"""Bundles: those in the store of this machine, and the one that the service answers with."""

import json
from pathlib import Path

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from components import contract
from pipelines.lineage.records import BundleRecord, ServiceRecord, VariantRecord

# A service that is there may be slow to answer, on a machine that is busy.
_PATIENCE = httpx.Timeout(10.0, connect=1.0)


class BundleStore(BaseSettings):
    """Where BentoML keeps bundles on this machine: its own variable, and its own default.

    https://docs.bentoml.com/en/latest/guides/configurations.html
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    home: Path = Field(default_factory=lambda: Path.home() / "bentoml", validation_alias="BENTOML_HOME")


def stored(store: BundleStore) -> tuple[BundleRecord, ...]:
    """The bundles of the store by their tags; none where there is no store."""
    folder = store.home / "bentos" / contract.BUNDLE_NAME
    return tuple(_bundle(built) for built in sorted(folder.glob("*/src")))


def _bundle(source: Path) -> BundleRecord:
    tag = source.parent.name
    try:
        manifest = json.loads((source / "bundle.json").read_text(encoding="utf-8"))
        variants = tuple(
            VariantRecord(**{name: one[name] for name in ("model_version", "run_id", "data_version")})
            for one in manifest["variants"]
        )
        return BundleRecord(tag=tag, commit=manifest["commit"], variants=variants, lock_hash=manifest["lock_hash"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return BundleRecord(tag=tag, fault=f"its manifest cannot be read: {type(error).__name__}: {error}")


def deployed(url: str) -> ServiceRecord:
    """What the service at an address says that it answers with now."""
    try:
        with httpx.Client(base_url=url, timeout=_PATIENCE, trust_env=False) as client:
            answer = client.get("/model")
            if answer.is_server_error:
                return ServiceRecord(url=url, silence=f"it answers {answer.status_code}: {answer.text[:200]}")
            told = answer.raise_for_status().json()
            tag = str(told["bundle"]).removeprefix(f"{contract.BUNDLE_NAME}:")
            return ServiceRecord(url=url, bundle=tag, model_version=str(told["traffic"]["champion"]))
    except httpx.TransportError as error:
        return ServiceRecord(url=url, silence=f"it does not answer ({error})")
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError, AttributeError) as error:
        return ServiceRecord(url=url, silence=f"something else answers there ({type(error).__name__}: {error})")
