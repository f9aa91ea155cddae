"""A bundle in the cloud: its image by digest, and what the roll-out says of it."""

import hashlib
from typing import Any

import pytest
from moto import mock_aws

from infra.delivery.cloud import cloud
from infra.delivery.cloud_release import watched
from infra.delivery.images import ImageError, Images, copy_commands, take_over
from infra.delivery.rollout import Verdict, verdict
from infra.operations.account import Account

TAG = "trip_duration:abc"
REGION = "us-east-1"


def a_rollout(phase: str, **about: Any) -> dict[str, Any]:
    """The Rollout of TAG, seen by its controller; ``about`` changes its status."""
    status = {"phase": phase, "observedGeneration": "4", "stableRS": "new", "currentPodHash": "new"}
    container = {"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/keelson-prod/serving:abc"}
    template = {"spec": {"containers": [container]}}
    return {"metadata": {"generation": 4}, "spec": {"template": template}, "status": {**status, **about}}


def test_a_roll_out_has_ended_when_all_pods_are_new_or_when_it_was_taken_back() -> None:
    assert verdict(a_rollout("Healthy"), TAG) is Verdict.RELEASED
    assert verdict(a_rollout("Degraded", stableRS="old"), TAG) is Verdict.ROLLED_BACK
    assert verdict(a_rollout("Progressing", abort=True, stableRS="old"), TAG) is Verdict.ROLLED_BACK


@pytest.mark.parametrize(
    "found",
    [
        a_rollout("Progressing"),
        a_rollout("Paused", stableRS="old"),
        # The controller has not looked since the new bundle was set, or is healthy with the old one.
        a_rollout("Healthy", observedGeneration="3"),
        a_rollout("Healthy", stableRS="old"),
        {**a_rollout("Healthy"), "status": None},
    ],
)
def test_a_roll_out_that_has_not_ended_is_waited_for(found: dict[str, Any]) -> None:
    assert verdict(found, TAG) is None


def test_another_bundles_roll_out_says_nothing() -> None:
    assert verdict(a_rollout("Healthy"), "trip_duration:def") is None


def test_a_roll_out_is_watched_to_its_end_or_left_to_a_person() -> None:
    looks = [a_rollout("Progressing"), a_rollout("Degraded", message="metric\n 'errors' failed", stableRS="old")]
    told = watched(lambda: looks.pop(0), TAG, patience=60, pause=0)
    assert told == {"outcome": "rolled back", "reason": "metric 'errors' failed"}
    told = watched(lambda: a_rollout("Paused", message="inconclusive", stableRS="old"), TAG, patience=0, pause=0)
    assert told == {"outcome": "held", "reason": "inconclusive"}


def test_an_image_is_copied_by_its_digest_as_it_is() -> None:
    source, target = (f"12345678901{n}.dkr.ecr.us-east-1.amazonaws.com/keelson-x/serving" for n in (1, 2))
    *signing_in, copying = copy_commands(TAG, "sha256:1", source, target)
    assert [command[-1] for command in signing_in] == [one.partition("/")[0] for one in (source, target)]
    assert copying[-3:] == ["--tag", f"{target}:abc", f"{source}@sha256:1"]
    assert "--prefer-index=false" in copying


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield Account(REGION)


def pushed(account: Account, environment: str, layer: str) -> None:
    """An image of TAG in an environment's repository."""
    ecr = account.client("ecr")
    ecr.create_repository(repositoryName=f"keelson-{environment}/serving")
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = f'{{"schemaVersion": 2, "mediaType": "{kind}", "config": {{"digest": "sha256:{layer}"}}, "layers": []}}'
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    about = {"imageManifest": manifest, "imageManifestMediaType": kind, "imageDigest": digest, "imageTag": "abc"}
    ecr.put_image(repositoryName=f"keelson-{environment}/serving", **about)


def test_an_image_that_is_there_already_is_not_copied_and_another_one_is_refused(account: Account) -> None:
    with pytest.raises(ImageError, match="keelson-staging/serving has no image of trip_duration:abc"):
        Images(account, "staging").digest(TAG)
    pushed(account, "staging", "a" * 64)
    pushed(account, "prod", "b" * 64)
    staging, prod = Images(account, "staging"), Images(account, "prod")
    assert staging.digest(TAG).startswith("sha256:")
    assert prod.address().endswith(".amazonaws.com/keelson-prod/serving")
    take_over(TAG, prod.digest(TAG), prod, prod)
    with pytest.raises(ImageError, match=f"keelson-prod/serving has {prod.digest(TAG)} as {TAG}"):
        take_over(TAG, staging.digest(TAG), staging, prod)


def test_what_the_cloud_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(ValueError, match="AWS_REGION is not set"):
        cloud()
