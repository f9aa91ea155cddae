"""GitHub's refusals are told in words that say what to do; what passes by itself is tried again."""

import time
from typing import Any

import pytest

from infra.repository.github import Absent, Access, GitHub, GitHubError, access

REPO = "/repos/acme/keelson"


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (401, {"message": "Bad credentials"}, {}, ["does not know the token", "Bad credentials"]),
        (
            403,
            {"message": "Resource not accessible by personal access token"},
            {"x-accepted-github-permissions": "administration=write"},
            ["may not", "administration=write"],
        ),
        (404, {"message": "Not Found"}, {}, ["no such thing", "may not see it"]),
        (301, {"message": "Moved Permanently"}, {"location": "/repositories/1"}, ["another name"]),
        (422, {"message": "Validation Failed", "errors": [{"message": "name is taken"}]}, {}, ["422", "name is taken"]),
        (500, {"message": "Server Error"}, {}, ["500", "Server Error"]),
        (500, b"<html>Unicorn!</html>", {}, ["500", "Internal Server Error"]),
    ],
)
def test_a_refusal_names_the_request_and_its_reason(
    acme: Any, github: GitHub, status: int, body: Any, headers: dict[str, str], words: list[str]
) -> None:
    acme.refuse[("PATCH", REPO)] = [(status, body, headers)]
    with pytest.raises(GitHubError) as error:
        github.send("PATCH", REPO, {"has_wiki": False})
    for word in [f"PATCH {REPO}", *words]:
        assert word in str(error.value)
    assert "github_pat" not in str(error.value)
    assert isinstance(error.value, Absent) == (status == 404)
    assert len(acme.calls) == 1


def test_a_gateway_that_fails_is_asked_again_but_nothing_is_made_twice(acme: Any, github: GitHub) -> None:
    failing = [(502, {"message": "Bad Gateway"}, {})]
    acme.refuse[("GET", REPO)] = failing * 3
    assert github.ask(REPO)["name"] == "keelson"
    assert len(acme.calls) == 4
    acme.refuse[("POST", "/orgs/acme/teams")] = list(failing)
    with pytest.raises(GitHubError, match="502"):
        github.send("POST", "/orgs/acme/teams", {"name": "reviewer"})
    assert acme.teams == []


def test_a_short_pause_that_github_asks_for_is_kept(acme: Any, github: GitHub) -> None:
    acme.refuse[("GET", REPO)] = [(429, {"message": "slow down"}, {"retry-after": "1"})]
    start = time.monotonic()
    assert github.ask(REPO)["name"] == "keelson"
    assert time.monotonic() - start >= 1


def test_a_long_one_ends_with_the_time_to_come_back(acme: Any, github: GitHub) -> None:
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 1800)}
    acme.refuse[("GET", REPO)] = [(403, {"message": "API rate limit exceeded"}, spent)]
    with pytest.raises(GitHubError, match=r"too many requests; run this again in (29|30) minutes"):
        github.ask(REPO)
    assert len(acme.calls) == 1


def test_a_list_is_read_to_its_last_page(acme: Any, github: GitHub) -> None:
    acme.page_size = 2
    for number in range(5):
        acme.make_team({"name": f"team-{number}"})
    assert [team["slug"] for team in github.pages("/orgs/acme/teams")] == [f"team-{number}" for number in range(5)]


def test_nobody_there_is_one_sentence() -> None:
    nowhere = GitHub(Access(token="secret", address="http://127.0.0.1:9"), pause=0.01)
    with nowhere, pytest.raises(GitHubError, match=r"GET /user: GitHub could not be reached \(ConnectError\)"):
        nowhere.ask("/user")


def test_the_token_comes_from_the_environment_and_shows_nowhere() -> None:
    assert "hush" not in repr(access({"GH_TOKEN": "hush"}))
    assert access({"GH_TOKEN": "", "GITHUB_TOKEN": "hush"}).token == "hush"
    assert access({"GH_TOKEN": "hush", "GITHUB_API_URL": "https://git.acme.example/api/v3"}).address.endswith("/v3")
    with pytest.raises(GitHubError, match="GH_TOKEN"):
        access({})
