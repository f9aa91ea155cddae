"""Which version of a bundle from elsewhere is tried, and which bundle cannot be tried beside what answers."""

import pytest

from infra.local.release_bundle import NotComparable, challenger

TAG = "trip_duration:abc"


def test_the_version_beside_the_one_that_answers_is_tried() -> None:
    assert challenger("1", {"1": "a"}, {"1": "a", "2": "b"}, TAG) == "2"
    # Also one that was trained before it: numbers say when, not how good.
    assert challenger("10", {"9": "z", "10": "a"}, {"10": "a", "9": "z"}, TAG) == "9"


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ({"1": "another", "2": "b"}, "version 1 answers here, with SHA-256 a, and trip_duration:abc holds"),
        ({"2": "b", "3": "c"}, "first release the bundle that brought it"),
        ({"1": "a"}, "holds version 1 alone, which answers already"),
    ],
)
def test_a_bundle_without_the_very_model_that_answers_or_without_another_is_refused(
    then: dict[str, str], why: str
) -> None:
    with pytest.raises(NotComparable, match=why):
        challenger("1", {"1": "a"}, then, TAG)
