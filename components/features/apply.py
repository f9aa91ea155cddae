"""Bring the feature store to what its definitions say: ``python -m components.features.apply``.

Nothing is written when nothing differs.
"""

import components.features.unchecked  # noqa: F401

# isort: split
import asyncio

from feast import FeatureStore
from feast.diff.property_diff import TransitionType
from feast.feature_view import DUMMY_ENTITY_NAME
from feast.repo_contents import RepoContents

from components.features import definitions
from components.features.store import feature_store
from components.platform import Platform


def apply(platform: Platform) -> list[str]:
    """Create, change and delete what differs, in the registry and among the online tables.

    Returns:
        What was done, e.g. ``["create feature view zone_features"]``; empty if nothing differed.
    """
    store = feature_store(platform)
    try:
        return _apply(store)
    finally:
        asyncio.run(store.close())


def _apply(store: FeatureStore) -> list[str]:
    """Bring an open store to what is defined; returns what was done."""
    views = [definitions.zone_features, definitions.pair_features]
    contents = RepoContents(
        projects=[definitions.project],
        data_sources=[view.batch_source for view in views if view.batch_source],
        feature_views=views,
        on_demand_feature_views=[],
        stream_feature_views=[],
        label_views=[],
        entities=[definitions.zone, definitions.zone_pair],
        feature_services=[definitions.trip_duration],
        permissions=[],
    )
    planned, _, _ = store.plan(contents)
    differing = [
        part
        for part in planned.feast_object_diffs
        if part.transition_type != TransitionType.UNCHANGED and part.name != DUMMY_ENTITY_NAME
    ]
    if differing:
        gone = [part.current_feast_object for part in differing if part.transition_type == TransitionType.DELETE]
        store.apply([thing for things in contents for thing in things], objects_to_delete=gone, partial=False)  # pyright: ignore[reportArgumentType]
    return [f"{part.transition_type.name.lower()} {part.feast_object_type.value} {part.name}" for part in differing]


def main() -> None:
    """Apply to the platform of the environment and print what was done."""
    done = apply(Platform())  # pyright: ignore[reportCallIssue]
    print("\n".join(done) or "the feature store is as defined")


if __name__ == "__main__":
    main()
