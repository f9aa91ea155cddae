"""One comment on a pull request and one issue of drift, written by jobs and changed in place."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.repository.github import GitHub
from infra.review.comment import DRIFT, PREVIEW, preview, upsert_comment, upsert_issue
from infra.review.drift import drifted
from infra.review.output import output

ROOT = Path(__file__).parents[3]
REPOSITORY = "acme/keelson"
RUN = "https://github.com/acme/keelson/actions/runs/7"


def texts(acme: Any) -> list[str]:
    return [comment["body"] for comment in acme.comments.get(5, [])]


def test_a_comment_is_made_once_then_changed_and_left_when_it_says_so_already(acme: Any, github: GitHub) -> None:
    assert upsert_comment(github, REPOSITORY, 5, f"{PREVIEW}\nfirst")
    assert upsert_comment(github, REPOSITORY, 5, f"{PREVIEW}\nsecond")
    assert texts(acme) == [f"{PREVIEW}\nsecond"]
    before = len(acme.calls)
    assert not upsert_comment(github, REPOSITORY, 5, f"{PREVIEW}\nsecond")
    assert [method for method, _ in acme.calls[before:]] == ["GET"]


def test_what_people_wrote_is_never_changed_even_with_the_marker_in_it(acme: Any, github: GitHub) -> None:
    acme.page_size = 2
    for number in range(5):
        acme.make_comment("5", {"body": f"{PREVIEW} {number}"})
        acme.comments[5][-1]["user"] = {"login": "somebody", "type": "User"}
    upsert_comment(github, REPOSITORY, 5, f"{PREVIEW}\nmine")
    upsert_comment(github, REPOSITORY, 5, f"{PREVIEW}\nmine again")
    assert texts(acme) == [*(f"{PREVIEW} {number}" for number in range(5)), f"{PREVIEW}\nmine again"]


def test_the_comment_of_a_fork_says_that_pulumi_was_not_asked() -> None:
    text = preview("### dev\n", {"dev": "", "staging": "", "prod": ""}, RUN)
    assert text.startswith(PREVIEW)
    assert "Pulumi was not asked" in text
    assert RUN in text


def test_a_comment_fits_into_what_github_takes() -> None:
    text = preview("x\n" * 60_000, {"dev": "y\n" * 20_000}, RUN)
    assert len(text) <= 65_000
    assert text.endswith(f"and more, in [this run]({RUN}).")


def test_drift_is_one_issue_while_it_lasts(acme: Any, github: GitHub) -> None:
    assert upsert_issue(github, REPOSITORY, "Drift", None) is None
    number = upsert_issue(github, REPOSITORY, "Drift", "prod")
    assert upsert_issue(github, REPOSITORY, "Drift", "prod and dev") == number
    (issue,) = acme.issues
    assert issue["body"] == f"{DRIFT}\nprod and dev"
    assert issue["labels"] == [{"name": "drift"}]
    assert upsert_issue(github, REPOSITORY, "Drift", None) is None
    assert issue["state"] == "closed"
    assert upsert_issue(github, REPOSITORY, "Drift", "again") != number


def test_a_stack_drifted_or_could_not_be_looked_at_and_both_are_told() -> None:
    nothing = {"dev": "", "staging": "", "prod": ""}
    assert drifted(nothing, "success", RUN) is None
    text = drifted({**nothing, "dev": "1 to update", "prod": "1 to delete"}, "failure", RUN)
    assert text is not None
    assert "changed dev and prod by hand" in text
    assert "### prod\n\n1 to delete" in text
    text = drifted(nothing, "cancelled", RUN)
    assert text is not None
    assert "ended as 'cancelled' before Pulumi said anything" in text


def test_an_output_of_many_lines_says_what_no_other_output_is(tmp_path: Path) -> None:
    file = tmp_path / "output"
    output("dev", "first\nEOF\nprod<<EOF", file)
    output("prod", "second", file)
    lines = file.read_text().splitlines()
    (first, one), (second, another) = lines[0].split("<<"), lines[5].split("<<")
    assert (first, second) == ("dev", "prod")
    assert lines[1:5] == ["first", "EOF", "prod<<EOF", one]
    assert lines[6:] == ["second", another]
    assert one != another


def post(address: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {
        "PATH": os.environ["PATH"],
        "GITHUB_API_URL": address,
        "GITHUB_TOKEN": "github_pat_never_printed",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "7",
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-m", "infra.review.post", *arguments],
        cwd=ROOT, env=given, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_step_of_the_preview_writes_what_the_jobs_found(acme: Any, address: str) -> None:
    done = post(address, "comment", "--pull-request", "5", CHANGE="### dev\n\nnew", PLAN_PROD="2 to create")
    assert (done.returncode, done.stderr) == (0, "")
    (text,) = texts(acme)
    assert "### dev\n\nnew" in text
    assert "### prod\n\n2 to create" in text
    assert "### staging" not in text
    assert RUN in text
    again = post(address, "comment", "--pull-request", "5", CHANGE="### dev\n\nnew", PLAN_PROD="2 to create")
    assert "says so already" in again.stdout


def test_the_step_of_drift_fails_while_there_is_drift(acme: Any, address: str) -> None:
    assert post(address, "drift", RESULT="success").returncode == 0
    done = post(address, "drift", RESULT="failure", PLAN_DEV="1 to update")
    assert done.returncode == 1
    assert "1 to update" in acme.issues[0]["body"]
    assert post(address, "drift", RESULT="success").returncode == 0
    assert acme.issues[0]["state"] == "closed"


def test_a_refusal_is_one_sentence_without_the_token(acme: Any, address: str) -> None:
    acme.refuse[("GET", "/repos/acme/keelson/issues/5/comments")] = [
        (403, {"message": "Resource not accessible by integration"}, {})
    ]
    done = post(address, "comment", "--pull-request", "5")
    assert done.returncode == 1
    assert "the token may not (Resource not accessible by integration)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "github_pat" not in done.stdout + done.stderr
    assert "GITHUB_REPOSITORY" in post(address, "drift", GITHUB_REPOSITORY="../x").stderr
