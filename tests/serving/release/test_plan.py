"""What a release and a rollback begin from: the registry's history of promotions, and what the service says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from components.promotion import Promotion
from serving.release.__main__ import ReleaseError, previous_champion, served


def a_promotion(number: int, version: int, found: int | None, **changed: Any) -> Promotion:
    given = {"by": "a test", "model": "m", "alias": "champion", "expected": found, "reason": "good", "run": ""}
    at = datetime(2026, 1, number, tzinfo=UTC)
    return Promotion(id=number, at=at, version=version, found=found, **{"outcome": "promoted", **given, **changed})


def test_the_champion_before_is_the_one_that_a_version_followed_first() -> None:
    told = [
        a_promotion(5, 2, 3, reason="rolled back: slow"),
        a_promotion(4, 3, 2),
        a_promotion(3, 3, 1, outcome="refused"),
        a_promotion(2, 2, 1),
        a_promotion(1, 1, None),
    ]
    assert [previous_champion(told, version) for version in (1, 2, 3, 9)] == [None, "1", "2", None]


def test_a_service_that_does_not_answer_is_said_to_be_down() -> None:
    with pytest.raises(ReleaseError, match=r"127\.0\.0\.1:9/model does not answer .* `make status`"):
        served("http://127.0.0.1:9")
