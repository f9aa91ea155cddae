"""The KFP face of materialize."""

from typing import NamedTuple

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def materialize(zone_features_version: int, pair_features_version: int, end: str) -> NamedTuple(
    "Materialized", [("zone_features", int), ("pair_features", int)]
):  # pyright: ignore[reportInvalidTypeForm]
    """Copy the newest features to the online store.

    Args:
        zone_features_version: Version of the table of zone features.
        pair_features_version: Version of the table of pair features.
        end: The newest time that counts, as ISO 8601 with time zone.
    """
    from datetime import datetime

    from components.materialize import step
    from components.platform import Platform

    versions = (zone_features_version, pair_features_version)
    online = step.materialize(Platform(), *versions, datetime.fromisoformat(end))  # pyright: ignore[reportCallIssue]
    return (online["zone_features"], online["pair_features"])
