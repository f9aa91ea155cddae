"""What came of a release is written down, and the registry's champion is what serves."""

import pytest

from components import contract
from components.platform import Platform
from components.recording import champion
from components.releases import RELEASED, ROLLED_BACK, counted, open_releases
from components.tracking import Tracking, TrackingError
from serving.release.__main__ import RELEASE, settle

WHY = {"reason": "canary 50 %", "by": "make release"}


@pytest.fixture
def registry(tracked_platform: Platform) -> Platform:
    """A registry with two versions, the second of which the gate let through."""
    with Tracking(tracked_platform.mlflow_tracking_uri) as tracking:
        run = tracking.create_run(tracking.experiment("release"), "made up", {})
        for _ in range(2):
            tracking.create_version(contract.MODEL_NAME, run, "model", {})
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, 2)
    return tracked_platform


def counts(platform: Platform) -> dict[str, int]:
    with open_releases(platform).connect() as connection:
        return counted(connection)


@pytest.mark.parametrize(("outcome", "serves"), [(RELEASED, 2), (ROLLED_BACK, 1)])
def test_the_version_says_what_came_of_it_and_the_release_is_counted(
    registry: Platform, outcome: str, serves: int
) -> None:
    told = settle(registry, version=2, serves=serves, outcome=outcome, **WHY)
    assert told["champion"] == serves
    assert counts(registry) == {RELEASED: 0, ROLLED_BACK: 0} | {outcome: 1}
    with Tracking(registry.mlflow_tracking_uri) as tracking:
        tried, newest = tracking.version(contract.MODEL_NAME, 2), champion(tracking)
    assert tried is not None
    assert tried.tags[RELEASE] == told["says"]
    assert told["says"].startswith(f"{outcome}, ")
    assert newest is not None
    assert newest.version == serves


def test_a_version_that_is_not_there_is_no_release(registry: Platform) -> None:
    with pytest.raises(TrackingError):
        settle(registry, version=99, serves=2, outcome=RELEASED, **WHY)
    assert counts(registry) == {RELEASED: 0, ROLLED_BACK: 0}
