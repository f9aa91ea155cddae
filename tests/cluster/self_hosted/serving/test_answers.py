"""The bundle answers out of the stack's own feature server; what it answered is in the tables."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def answered(answer: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """What a caller was told about one trip."""
    return answer()


def test_a_prediction_is_answered_with_features_of_the_stacks_own_feature_server(
    answered: Mapping[str, Any], bundle: Any
) -> None:
    assert answered["bundle"] == bundle.tag
    assert answered["degraded"] is False
    (prediction,) = answered["predictions"]
    assert 60 < prediction["duration_seconds"] < 7200


def test_what_was_answered_is_in_the_tables_of_the_log_minutes_later(
    answered: Mapping[str, Any], logged: Callable[[str], bool]
) -> None:
    assert logged(answered["request_id"]) is False
