"""The bootstrap's settings are validated once, and a wrong one is refused with one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.bootstrap import settings

PROJECT = "keelson-bootstrap"
GOOD = {"account-id": "123456789012", "github-subjects": '["repo:acme/keelson"]'}


def load(**config: str) -> settings.BootstrapSettings:
    given = {**GOOD, **{key.replace("_", "-"): value for key, value in config.items()}}
    return settings.load(PROJECT, "account", {f"{PROJECT}:{key}": value for key, value in given.items()})


@pytest.mark.parametrize(
    "subject",
    [
        "repo:acme/keelson",
        "repo:acme-inc/my.repo_1",
        "repo:acme@1234/keelson@5678",
    ],
)
def test_both_forms_of_githubs_subjects_are_allowed(subject: str) -> None:
    assert load(github_subjects=f'["{subject}"]').github_subjects == (subject,)


@pytest.mark.parametrize(
    "subject",
    [
        "repo:acme/*",
        "repo:*",
        "*",
        "repo:acme/keel?on",
        "acme/keelson",
        "repo:acme",
        "repo:acme@12/keelson",
        "repo:acme/keelson:environment:prod",
        "repo:acme/keelson ",
    ],
)
def test_a_subject_that_could_match_another_repository_is_refused(subject: str) -> None:
    with pytest.raises(settings.SettingsError, match="repo:OWNER/REPO"):
        load(github_subjects=f'["{subject}"]')


@given(st.text(alphabet="*?$:{}", min_size=1), st.integers(0, 17))
def test_no_subject_with_a_wildcard_or_a_second_part_is_ever_allowed(wild: str, at: int) -> None:
    good = "repo:acme/keelson"
    with pytest.raises(settings.SettingsError):
        settings.load(
            PROJECT,
            "account",
            {f"{PROJECT}:account-id": "123456789012", f"{PROJECT}:github-subjects": [good[:at] + wild + good[at:]]},
        )


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("acount-id", "1", ["not known", "account-id", "oidc-provider"]),
        ("account-id", "1234", ["'1234'", "the AWS account"]),
        ("oidc-provider", "find", ["'find'", "create", "lookup"]),
        ("github-subjects", "[]", ["at least 1", "repo:OWNER/REPO"]),
        ("region", "Virginia", ["'Virginia'", "region of state"]),
        ("operators", '["*"]', ["'*'", "by hand"]),
    ],
)
def test_a_wrong_setting_is_refused_by_one_sentence_that_names_it(key: str, value: str, told: list[str]) -> None:
    with pytest.raises(settings.SettingsError) as refusal:
        load(**{key: value})
    sentence = str(refusal.value)
    assert all(word in sentence for word in [*told, f"{PROJECT}:{key}", "infra/bootstrap/Pulumi.account.yaml"]), (
        sentence
    )
    assert "\n" not in sentence


@pytest.mark.parametrize("key", ["account-id", "github-subjects"])
def test_a_missing_setting_is_named_with_what_it_is(key: str) -> None:
    left = {f"{PROJECT}:{one}": value for one, value in GOOD.items() if one != key}
    with pytest.raises(settings.SettingsError, match=rf"{PROJECT}:{key} in .* is missing: \w+"):
        settings.load(PROJECT, "account", left)


def test_an_account_that_starts_with_zero_keeps_its_zero() -> None:
    assert load(account_id="012345678901").account_id == "012345678901"
