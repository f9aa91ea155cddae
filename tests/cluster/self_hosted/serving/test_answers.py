"""The bundle of the stack's champion answers with features of the stack's server; what it answered is in the tables."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components import contract
from components.recording import DATA_VERSION, MODEL_SHA256
from components.tracking import Tracking

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def answered(answer: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """What a caller was told about one trip."""
    return answer()


def test_the_bundle_tells_that_it_is_of_the_champion_that_the_stacks_own_training_made(
    asked_for: Callable[..., Mapping[str, Any]], bundle: Any, registry: str, trained: tuple[dict[str, Any], str]
) -> None:
    with Tracking(registry) as tracking:
        champion = tracking.version_by_alias(contract.MODEL_NAME, contract.CHAMPION)
    assert champion is not None
    told = asked_for("model")
    (variant,) = told["variants"]
    assert told["bundle"] == bundle.tag
    assert (variant["model_version"], variant["run_id"]) == (str(champion.version), trained[0]["run_id"])
    assert variant["data_version"] == champion.tags[DATA_VERSION]
    assert variant["model_sha256"] == champion.tags[MODEL_SHA256]


def test_a_prediction_is_answered_by_the_champion_with_features_of_the_stacks_own_feature_server(
    answered: Mapping[str, Any], bundle: Any, trained: tuple[dict[str, Any], str]
) -> None:
    assert (answered["bundle"], answered["model_version"]) == (bundle.tag, str(trained[0]["model_version"]))
    assert answered["degraded"] is False
    (prediction,) = answered["predictions"]
    assert 60 < prediction["duration_seconds"] < 7200


def test_what_was_answered_is_in_the_tables_of_the_log_minutes_later(
    answered: Mapping[str, Any], logged: Callable[[str], bool]
) -> None:
    assert logged(answered["request_id"]) is False
