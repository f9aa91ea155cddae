"""How rules read values: what is not known yet, which images are pinned, which machines are small enough."""

import string

from hypothesis import given
from hypothesis import strategies as st

from infra.policies import allowed
from infra.policies.recorded import understood
from infra.policies.resource import Unknown, lookup, may_be, shown
from infra.policies.rules.supply import pinned
from infra.render.recording import HIDDEN

_WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3), max_leaves=10
)


@given(_WORDS, _WORDS)
def test_a_text_that_is_one_placeholder_is_not_known_and_compares_by_what_it_stands_for(name: str, key: str) -> None:
    assert understood([f"<{name}.{key}>"]) == [Unknown(f"<{name}.{key}>")]
    assert understood(f"<{name}.{key}>") != understood(f"<{name}.{key}2>")


@given(_WORDS, _WORDS)
def test_a_text_that_only_contains_a_placeholder_stays_a_text(name: str, rest: str) -> None:
    assert understood(f"<{name}.arn>/{rest}") == f"<{name}.arn>/{rest}"


def test_a_hidden_secret_is_told_from_a_value_that_does_not_exist_yet() -> None:
    assert understood(HIDDEN) == Unknown(HIDDEN, secret=True)


@given(_VALUES, _SCALARS)
def test_nothing_is_held_against_a_value_that_is_not_known(value: object, other: object) -> None:
    assert may_be(Unknown(), value, other)
    assert may_be(value, value)


def test_true_is_not_taken_for_one() -> None:
    assert not may_be(True, 1)
    assert not may_be(0, False)


@given(_VALUES, st.lists(_WORDS, max_size=4))
def test_looking_up_any_path_in_any_value_ends_in_a_value_or_none(value: object, path: list[str]) -> None:
    lookup(value, ".".join(path))


@given(_VALUES)
def test_a_value_in_a_sentence_is_never_longer_than_a_line(value: object) -> None:
    assert 0 < len(shown(value)) <= 120


@given(_WORDS, _WORDS, st.integers(1, 65535), st.from_regex(r"v?[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True))
def test_an_image_is_pinned_by_its_tag_and_not_by_its_registrys_port(
    registry: str, name: str, port: int, version: str
) -> None:
    assert pinned(f"{registry}:{port}/{name}:{version}")
    assert not pinned(f"{registry}:{port}/{name}")
    assert not pinned(f"{registry}:{port}/{name}:latest")
    assert pinned(f"{registry}:{port}/{name}:latest@sha256:{'0' * 64}")


@given(st.sampled_from(sorted(allowed.MACHINES)))
def test_every_family_on_the_list_is_bounded_in_size(family: str) -> None:
    assert allowed.within(f"{family}.large", allowed.MACHINES)
    assert not allowed.within(f"{family}.48xlarge", allowed.MACHINES)
    assert not allowed.within(f"x{family}.large", allowed.MACHINES)
