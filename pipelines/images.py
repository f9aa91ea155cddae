"""The image of a run, by digest: a tag can be moved to another image, a digest cannot."""

import re

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipelines.submission_error import SubmissionError

_BY_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
_IN_ECR = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)"
    r"/(?P<repository>[a-z0-9._/-]+):(?P<tag>[\w.-]+)"
)


def is_by_digest(reference: str) -> bool:
    """Whether a reference names one image for ever: ``<repository>@sha256:<64 digits>``."""
    return _BY_DIGEST.fullmatch(reference) is not None


def by_digest(reference: str) -> str:
    """The reference by digest; that of a tag in Amazon ECR is looked up there, with the credentials at hand.

    Raises:
        SubmissionError: It is a tag elsewhere, or ECR does not have it or does not answer.
    """
    if is_by_digest(reference):
        return reference
    found = _IN_ECR.fullmatch(reference)
    if found is None:
        raise SubmissionError(f"the image {reference!r} is not named by digest; give <repository>@sha256:<64 digits>")
    try:
        described = boto3.client("ecr", region_name=found["region"]).describe_images(
            registryId=found["account"], repositoryName=found["repository"], imageIds=[{"imageTag": found["tag"]}]
        )
    except (BotoCoreError, ClientError) as error:
        raise SubmissionError(f"the digest of {reference} cannot be had: {error}") from error
    return f"{found['registry']}/{found['repository']}@{described['imageDetails'][0]['imageDigest']}"
