"""When a version may become champion."""

import pytest

from components.register.step import may_promote


@pytest.mark.parametrize(
    ("version", "current", "compared", "allowed"),
    [
        (1, None, None, True),
        (4, 3, 3, True),
        (4, 4, 3, True),
        (4, 5, 3, False),
        (4, None, 3, False),
        (4, 3, None, False),
    ],
)
def test_a_version_is_promoted_only_over_the_champion_it_was_compared_with(
    version: int, current: int | None, compared: int | None, allowed: bool
) -> None:
    assert may_promote(version, current, compared) is allowed
