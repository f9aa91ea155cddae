"""Semantic versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.versioning.version import Change, Version

VERSIONS = st.builds(Version, *[st.integers(0, 10**6)] * 3)


@given(VERSIONS)
def test_a_version_is_read_as_it_is_written(version: Version) -> None:
    assert Version.parse(str(version)) == version


@given(VERSIONS, st.sampled_from([one for one in Change if one is not Change.NONE]))
def test_a_change_gives_a_later_version_and_resets_what_is_below_it(version: Version, change: Change) -> None:
    raised = version.raised(change)
    assert raised > version
    assert all(part == 0 for part in raised[4 - change :])


@given(VERSIONS)
def test_no_change_leaves_a_version(version: Version) -> None:
    assert version.raised(Change.NONE) == version


def test_versions_are_ordered_by_number_not_by_letter() -> None:
    assert Version.parse("1.10.0") > Version.parse("1.9.0")


@pytest.mark.parametrize("text", ["", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.x", "01.0.0", "1.0.0-rc1"])
def test_what_is_no_version_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 1\.4\.0"):
        Version.parse(text)
