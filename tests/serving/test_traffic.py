"""Who answers: the same key always alike, shares as stated, and a policy that cannot be followed changes nothing."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serving.manifest import Manifest, Variant
from serving.traffic import LOOK_SECONDS, Assignment, Mode, Traffic, TrafficError, TrafficFile, assign

MANIFEST = Manifest(
    tag="trip_duration:test",
    commit="unknown",
    variants=tuple(Variant(model_version=v, run_id="r", data_version="0", model_sha256="m") for v in ("7", "9")),
    lock_hash="l",
    packages={},
    files={},
)


def canary(percent: int) -> Traffic:
    return Traffic(champion="7", challenger="9", mode=Mode.CANARY, percent=percent)


@given(key=st.text(), percents=st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted))
def test_a_key_that_the_challenger_answers_stays_with_it_as_its_share_grows(key: str, percents: list[int]) -> None:
    less, more = (assign(canary(percent), key) for percent in percents)
    assert assign(canary(percents[0]), key) == less
    assert not (less.version == "9" and more.version == "7")


@pytest.mark.parametrize("percent", [0, 1, 5, 25, 50, 99, 100])
def test_the_share_of_keys_is_the_share_stated(percent: int) -> None:
    keys = 20_000
    answered = sum(assign(canary(percent), f"key {number}").version == "9" for number in range(keys))
    # Five standard deviations of a binomial count.
    assert abs(answered - keys * percent / 100) <= 5 * (keys * percent / 100 * (1 - percent / 100)) ** 0.5


def test_each_challenger_is_tried_on_callers_of_its_own() -> None:
    other = Traffic(champion="7", challenger="10", mode=Mode.CANARY, percent=10)
    both = sum(
        assign(canary(10), str(key)).variant == assign(other, str(key)).variant == "challenger" for key in range(10_000)
    )
    assert 50 < both < 200


def test_whoever_answers_a_canary_request_the_other_predicts_too() -> None:
    found = {assign(canary(50), str(key)) for key in range(100)}
    assert found == {
        Assignment("7", "champion", "9", "challenger"),
        Assignment("9", "challenger", "7", "champion"),
    }


def test_a_shadow_answers_nobody() -> None:
    traffic = Traffic(champion="7", challenger="9", mode=Mode.SHADOW)
    assert {assign(traffic, str(key)) for key in range(100)} == {Assignment("7", "champion", "9", "challenger")}
    assert assign(Traffic(champion="7", challenger="9"), "key") == Assignment("7", "champion")


@pytest.mark.parametrize(
    "wrong",
    [
        {"champion": "seven"},
        {"champion": "7", "mode": "shadow"},
        {"champion": "7", "challenger": "7", "mode": "shadow"},
        {"champion": "7", "challenger": "9", "mode": "canary"},
        {"champion": "7", "challenger": "9", "mode": "shadow", "percent": 5},
        {"champion": "7", "challenger": "9", "mode": "canary", "percent": 101},
        {"champion": "7", "challenger": "9", "mode": "canary", "percent": 5, "share": 1},
        {},
    ],
)
def test_what_makes_no_sense_is_no_policy(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        Traffic.model_validate(wrong)


def test_without_a_policy_the_bundles_first_version_answers(tmp_path: Path) -> None:
    assert TrafficFile(MANIFEST, None).current == Traffic(champion="7")
    assert TrafficFile(MANIFEST, tmp_path / "traffic.json").current == Traffic(champion="7")


@pytest.mark.parametrize("text", ["{", '{"champion": "8"}', '{"champion": "7", "challenger": "8", "mode": "shadow"}'])
def test_a_worker_does_not_start_with_a_policy_that_it_cannot_follow(text: str, tmp_path: Path) -> None:
    file = tmp_path / "traffic.json"
    file.write_text(text)
    with pytest.raises(TrafficError, match=r"traffic\.json"):
        TrafficFile(MANIFEST, file)


def test_a_change_is_followed_and_a_wrong_one_leaves_things_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "traffic.json"

    async def changes() -> None:
        traffic = TrafficFile(MANIFEST, file)
        watching = asyncio.create_task(traffic.watch())
        try:
            for text, expected, wrong in [
                (canary(5).model_dump_json(exclude_none=True), canary(5), None),
                ('{"champion": "8"}', canary(5), "deploy a bundle that has it"),
                (canary(50).model_dump_json(), canary(50), None),
            ]:
                file.write_text(text)
                for _ in range(100):
                    await asyncio.sleep(LOOK_SECONDS / 5)
                    if (traffic.error is None) == (wrong is None) and traffic.current == expected:
                        break
                assert traffic.current == expected
                assert (wrong or "") in (traffic.error or "")
            file.unlink()
            await asyncio.sleep(4 * LOOK_SECONDS)
            assert traffic.current == Traffic(champion="7")
        finally:
            watching.cancel()

    asyncio.run(changes())
