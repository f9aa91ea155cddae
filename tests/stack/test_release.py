"""A release and a rollback on a whole stack, as `make demo-release` tells them, with callers that ask all the time."""

import json
from typing import Any

import pytest

pytestmark = pytest.mark.release


@pytest.fixture(scope="module")
def story(stack: Any) -> dict[str, Any]:
    """What the demonstration says; 100,000 trips are five times what the stack's first model learned from."""
    return json.loads(stack.make("demo-release", "ROWS=100000").stdout.strip().splitlines()[-1])


def test_a_better_model_is_released_and_a_worse_one_taken_back_and_no_request_fails(story: dict[str, Any]) -> None:
    assert story["better"]["outcome"] == "released"
    assert "labels" in story["better"]["reason"]
    assert (story["worse"]["outcome"], story["worse"]["champion"]) == ("rolled back", story["better"]["champion"])
    assert "it is worse" in story["worse"]["reason"]
    assert story["callers"]["failed"] == 0, story["callers"]["first_failures"]
    assert {story["better"]["before"], story["better"]["champion"]} <= set(story["callers"]["answered"])


def test_the_stack_says_what_is_served_and_the_registry_agrees(stack: Any, story: dict[str, Any]) -> None:
    said = stack.by_hand("pulumi config get --path traffic.champion --stack local").stdout.strip()
    assert said == story["worse"]["champion"] == str(stack.status()["champion"]["version"])
    assert stack.predict().json()["model_version"] == said
    stack.by_hand("pulumi preview --stack local --expect-no-changes")


def test_a_rollback_lets_the_champion_before_answer_and_none_is_before_the_first(
    stack: Any, story: dict[str, Any]
) -> None:
    refused = stack.make("rollback", check=False)
    assert refused.returncode != 0
    assert "say why" in refused.stderr
    done = json.loads(stack.make("rollback", "REASON='a drill'").stdout.strip().splitlines()[-1])
    assert (done["outcome"], done["champion"]) == ("rolled back", story["better"]["before"])
    stack.eventually(lambda: stack.predict().json()["model_version"] == done["champion"])
    assert str(stack.status()["champion"]["version"]) == done["champion"]
    first = stack.make("rollback", "REASON='another drill'", check=False)
    assert first.returncode != 0
    assert "no champion before version 1" in first.stderr
    # As one that was killed leaves it.
    lock = stack.layout.state / ".pulumi" / "locks" / "organization" / "keelson" / "local" / "killed.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"pid": 2**22 + 1, "username": "nobody", "hostname": "nowhere"}))
    nothing = json.loads(stack.make("release").stdout.strip().splitlines()[-1])
    assert nothing["outcome"] == "nothing to do"
    assert not lock.exists()
