"""Bring the feature store to what its definitions say: ``python -m components.features.apply``.

Nothing is written when nothing differs.
"""

import components.features.unchecked  # noqa: F401

# isort: split
from copy import copy

from feast import FeatureStore
from feast.diff.property_diff import TransitionType
from feast.feature_view import DUMMY_ENTITY_NAME
from feast.repo_contents import RepoContents

from components.features import definitions
from components.features.store import opened
from components.platform import Platform


def apply(platform: Platform) -> list[str]:
    """Create, change and delete what differs, in the registry and among the online tables.

    Returns:
        What was done, e.g. ``["create feature view zone_features"]``; empty if nothing differed.
    """
    with opened(platform) as store:
        return _apply(store)


def _apply(store: FeatureStore) -> list[str]:
    """Bring an open store to what is defined; returns what was done."""
    planned, _, _ = store.plan(_contents())
    differing = [
        part
        for part in planned.feast_object_diffs
        if part.transition_type != TransitionType.UNCHANGED and part.name != DUMMY_ENTITY_NAME
    ]
    if differing:
        gone = [part.current_feast_object for part in differing if part.transition_type == TransitionType.DELETE]
        things = [thing for things in _contents() for thing in things]
        store.apply(things, objects_to_delete=gone, partial=False)  # pyright: ignore[reportArgumentType]
    return [f"{part.transition_type.name.lower()} {part.feast_object_type.value} {part.name}" for part in differing]


def _contents() -> RepoContents:
    """All that is defined.

    Feast completes the views that it is given, and takes its own completion for a difference when it sees them again;
    so it gets copies.
    """
    defined = (definitions.zone_features, definitions.pair_features, definitions.request_features)
    views = [copy(view) for view in defined]
    return RepoContents(
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


def main() -> None:
    """Apply to the platform of the environment and print what was done."""
    done = apply(Platform())  # pyright: ignore[reportCallIssue]
    print("\n".join(done) or "the feature store is as defined")


if __name__ == "__main__":
    main()
