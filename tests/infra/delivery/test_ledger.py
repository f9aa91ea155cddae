"""What GitHub is told of deployments, and what counts as evidence."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.delivery.enter import Refused, enter
from infra.delivery.github import Repository
from infra.delivery.handover import HandoverRefused, check, recorded
from infra.delivery.ledger import FAILURE, SUCCESS, Ledger
from infra.delivery.promotion import Kind
from infra.delivery.settings import Job, SettingsError, job
from infra.delivery.sources import tree
from infra.repository.github import Access, GitHubError

COMMIT, DIGEST = "c" * 40, "d" * 64


@pytest.fixture
def ledger(github: Any) -> Ledger:
    return Ledger(Repository(Access(token=github.token, address=github.api), github.repository, pause=0.01))


def a_job(github: Any, *, api: str = "", workflow: str = "delivery", commit: str = COMMIT, **more: Any) -> Job:
    """A job of a new run."""
    told = {"GITHUB_RUN_ID": github.begin_run(workflow, commit), "GITHUB_ACTOR": "eve", "GITHUB_SHA": commit}
    told |= {"GITHUB_API_URL": api or github.api, "GITHUB_SERVER_URL": "https://github.example", **more}
    return Job(**told, GITHUB_REPOSITORY=github.repository, GITHUB_TOKEN=github.token)


def passed(github: Any, environment: str, kind: Kind, **about: Any) -> Job:
    """A run that brought DIGEST to an environment and was green."""
    workflow = {Kind.CODE: "delivery", Kind.MODEL: "release-model"}[kind]
    told = a_job(github, **{"workflow": workflow, **about})
    number = enter(told, kind, environment, DIGEST, "trip_duration:1", "because")
    Ledger(told.github()).close(number, SUCCESS, "done", told.log())
    github.end_run(told.run, good=True)
    return told


def test_a_change_goes_on_with_what_was_green_and_approved(github: Any) -> None:
    for environment in ("dev", "staging"):
        passed(github, environment, Kind.MODEL)
    told = a_job(github, workflow="release-model")
    with pytest.raises(Refused, match="nobody approved of this run for prod"):
        enter(told, Kind.MODEL, "prod", DIGEST, "trip_duration:1", "because")
    github.approve(told.run, "staging", "mallory", "wrong place")
    with pytest.raises(Refused, match="nobody approved"):
        enter(told, Kind.MODEL, "prod", DIGEST, "trip_duration:1", "because")
    github.approve(told.run, "prod", "ada", "looks good")
    enter(told, Kind.MODEL, "prod", DIGEST, "trip_duration:1", "because\nof much")
    [(payload, state)] = github.ledger("prod", "keelson-model")
    assert state == "in_progress"
    assert payload == {
        "digest": DIGEST,
        "name": "trip_duration:1",
        "run": told.run,
        "by": "eve",
        "approvers": ["ada"],
        "why": "because; ada: looks good",
    }


def test_a_run_that_github_does_not_call_green_is_no_evidence(github: Any, ledger: Ledger) -> None:
    passed(github, "dev", Kind.CODE)
    [run] = ledger.runs(Kind.CODE, "dev", DIGEST)
    assert run.green
    github.runs[run.number]["conclusion"] = "failure"
    assert not ledger.runs(Kind.CODE, "dev", DIGEST)[0].green
    github.runs[run.number] |= {"conclusion": "success", "head_sha": "e" * 40}
    assert not ledger.runs(Kind.CODE, "dev", DIGEST)[0].green
    github.runs[run.number] |= {"head_sha": COMMIT, "path": ".github/workflows/other.yml@main"}
    assert not ledger.runs(Kind.CODE, "dev", DIGEST)[0].green
    github.runs[run.number] |= {"path": ".github/workflows/delivery.yml@main"}
    assert ledger.runs(Kind.CODE, "dev", DIGEST)[0].green


def test_a_deployment_that_never_ended_or_failed_is_not_green(github: Any, ledger: Ledger) -> None:
    told = a_job(github)
    number = enter(told, Kind.CODE, "dev", DIGEST, "abc", "")
    github.end_run(told.run, good=True)
    assert not ledger.runs(Kind.CODE, "dev", DIGEST)[0].green
    ledger.close(number, FAILURE, "x" * 500, told.log())
    assert not ledger.runs(Kind.CODE, "dev", DIGEST)[0].green


def test_what_a_later_deployment_has_replaced_stays_green(github: Any, ledger: Ledger) -> None:
    passed(github, "dev", Kind.CODE)
    github.replaced("dev", by=0)
    assert github.ledger("dev", "keelson-code")[0][1] == "inactive"
    assert ledger.runs(Kind.CODE, "dev", DIGEST)[0].green


def test_the_ledger_is_read_to_its_end_in_order(github: Any, ledger: Ledger) -> None:
    github.page = 2
    runs = [passed(github, "dev", Kind.CODE).run for _ in range(5)]
    github.deployments.append({"id": 99, "sha": COMMIT, "environment": "dev", "task": "keelson-code", "payload": ""})
    assert [run.number for run in ledger.runs(Kind.CODE, "dev", DIGEST)] == runs


def test_a_moment_of_trouble_is_waited_for_and_a_refusal_is_told(github: Any, ledger: Ledger) -> None:
    github.failures += [502, 503]
    assert ledger.runs(Kind.CODE, "dev", DIGEST) == []
    stranger = Ledger(Repository(Access(token="another", address=github.api), github.repository, pause=0.01))
    with pytest.raises(GitHubError, match=r"/deployments: GitHub does not know the token.*Bad credentials"):
        stranger.runs(Kind.CODE, "dev", DIGEST)
    nowhere = Ledger(Repository(Access(token="t", address="http://127.0.0.1:9"), github.repository, pause=0.01))
    with pytest.raises(GitHubError, match="could not be reached"):
        nowhere.runs(Kind.CODE, "dev", DIGEST)


def test_a_deployment_is_not_opened_twice_by_a_repetition(github: Any, ledger: Ledger) -> None:
    told = a_job(github)
    github.failures += [502]
    with pytest.raises(GitHubError, match="502"):
        enter(told, Kind.CODE, "dev", DIGEST, "abc", "")
    assert github.asked.count(("POST", f"/repos/{github.repository}/deployments")) == 1


def test_what_came_of_a_deployment_is_told_again_where_the_answer_was_lost(github: Any, ledger: Ledger) -> None:
    number = enter(a_job(github), Kind.CODE, "dev", DIGEST, "abc", "")
    github.failures += [502]
    ledger.close(number, SUCCESS, "done", "https://github.example/run")
    [(_, state)] = github.ledger("dev", "keelson-code")
    assert state == SUCCESS


def test_a_bundle_is_what_its_environment_deployed_or_is_refused(github: Any, ledger: Ledger) -> None:
    with pytest.raises(HandoverRefused, match="was never deployed in dev: release it there first"):
        recorded("trip_duration:1", "dev", ledger.records(Kind.MODEL, "dev"))
    told = passed(github, "dev", Kind.MODEL)
    record = recorded("trip_duration:1", "dev", ledger.records(Kind.MODEL, "dev"))
    assert record.run == told.run
    check(record, DIGEST)
    with pytest.raises(HandoverRefused, match=f"has digest {'0' * 64}, and what run {told.run} deployed had {DIGEST}"):
        check(record, "0" * 64)


def test_the_number_of_green_runs_is_a_setting(github: Any) -> None:
    for environment in ("dev", "staging"):
        passed(github, environment, Kind.CODE)
    told = a_job(github)
    github.approve(told.run, "prod", "ada", "")
    with pytest.raises(Refused, match="has 1 green runs in a row in staging, and prod wants 3"):
        enter(told, Kind.CODE, "prod", DIGEST, "abc", "")
    told = a_job(github, KEELSON_GREEN_RUNS="1")
    github.approve(told.run, "prod", "ada", "")
    assert enter(told, Kind.CODE, "prod", DIGEST, "abc", "")


def test_what_a_jobs_environment_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_API_URL", "GITHUB_RUN_ID", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=r"GITHUB_API_URL: Field required.*GITHUB_TOKEN: Field required"):
        job()


def test_the_token_is_sent_over_https_alone(github: Any) -> None:
    with pytest.raises(ValueError, match="sent over https alone"):
        a_job(github, api="http://github.example/api/v3")


def test_a_merge_that_changes_nothing_has_the_tree_of_what_it_merged(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.email=a@example.com", "-c", "user.name=a"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    git("init", "--initial-branch", "main")
    git("commit", "--allow-empty", "--message", "first")
    git("checkout", "-b", "develop")
    (tmp_path / "file").write_text("text")
    git("add", "file")
    git("commit", "--message", "second")
    changed = tree(tmp_path)
    git("checkout", "main")
    assert tree(tmp_path) != changed
    git("merge", "--no-ff", "develop")
    assert tree(tmp_path) == changed
