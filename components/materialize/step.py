"""Copy the newest features to the online store, so that serving sees what training saw."""

import components.features.unchecked  # noqa: F401

# isort: split
import asyncio
from datetime import datetime

from feast import FeatureStore, FeatureView

from components import tables
from components.features.online_store import CopyPostgreSQLOnlineStore
from components.features.store import feature_store
from components.platform import Platform


def materialize(
    platform: Platform, zone_features_version: int, pair_features_version: int, end: datetime
) -> dict[str, int]:
    """Bring the online store to what a point-in-time join at ``end`` finds.

    Rows that are there already are not written again, so a second call writes nothing, and a call that was killed is
    repaired by the next one.

    Args:
        end: The newest time that counts, with time zone.

    Returns:
        View name to the number of keys that are online.

    Raises:
        ValueError: ``end`` has no time zone.
    """
    if end.tzinfo is None:
        raise ValueError(f"end must have a time zone, and is {end}; pass the feature_end of the build_features step")
    versions = {tables.ZONE_FEATURES_TABLE: zone_features_version, tables.PAIR_FEATURES_TABLE: pair_features_version}
    store = feature_store(platform, versions)
    try:
        return {name: _materialize(store, store.get_feature_view(name), end) for name in versions}
    finally:
        asyncio.run(store.close())


def _materialize(store: FeatureStore, view: FeatureView, end: datetime) -> int:
    """Bring one view's online table to what it is at ``end``; returns its keys."""
    assert view.ttl is not None
    first = end - view.ttl
    store.materialize(first, end, [view.name])
    online = store.provider.online_store
    assert isinstance(online, CopyPostgreSQLOnlineStore)
    return online.retain(store.config, view, first, end)
