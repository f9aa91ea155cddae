"""Bundles' images in ECR: what an image's digest is, and the very same image in the next environment's repository."""

import base64
import subprocess
from dataclasses import dataclass

from infra.aws.naming import prefix
from infra.operations.account import Absent, Account


class ImageError(RuntimeError):
    """An image is not there, is not what it should be, or cannot be copied; the message says which."""


@dataclass(frozen=True)
class Images:
    """The images of one environment's bundles.

    Attributes:
        account: Where the environment is.
        environment: Which.
    """

    account: Account
    environment: str

    @property
    def repository(self) -> str:
        return f"{prefix(self.environment)}/serving"

    def address(self) -> str:
        """Of the repository, without a tag.

        Raises:
            ImageError: There is none.
        """
        try:
            found = self.account.ask("ecr", "describe_repositories", repositoryNames=[self.repository])
        except Absent:
            raise ImageError(f"there is no repository {self.repository}: deploy {self.environment} first") from None
        return found["repositories"][0]["repositoryUri"]

    def digest(self, bundle: str) -> str:
        """Digest of a bundle's image, ``sha256:...``.

        Raises:
            ImageError: The repository has no such image.
            infra.operations.account.AccountError: AWS does not say.
        """
        wanted = [{"imageTag": version(bundle)}]
        try:
            found = self.account.ask("ecr", "describe_images", repositoryName=self.repository, imageIds=wanted)
        except Absent:
            raise ImageError(f"{self.repository} has no image of {bundle}") from None
        return found["imageDetails"][0]["imageDigest"]


def version(bundle: str) -> str:
    """The image's tag: what stands behind the colon of the bundle's."""
    return bundle.partition(":")[2]


def copy_commands(bundle: str, digest: str, source: str, target: str) -> list[list[str]]:
    """What brings an image to another repository as it is, manifest and layers; ``docker login`` reads a password."""
    registries = sorted({address.partition("/")[0] for address in (source, target)})
    signing_in = [["docker", "login", "--username", "AWS", "--password-stdin", registry] for registry in registries]
    # Without that option Docker would wrap the image in an index of its own, which has another digest.
    copying = ["docker", "buildx", "imagetools", "create", "--prefer-index=false"]
    return [*signing_in, [*copying, "--tag", f"{target}:{version(bundle)}", f"{source}@{digest}"]]


def take_over(bundle: str, digest: str, source: Images, target: Images) -> None:
    """Put the image of a bundle into the next environment's repository, unless it is there.

    Raises:
        ImageError: It cannot be copied, or another image has its tag.
        infra.operations.account.AccountError: AWS does not say.
    """
    try:
        there = target.digest(bundle)
    except ImageError:
        answer = source.account.ask("ecr", "get_authorization_token")["authorizationData"][0]
        password = base64.b64decode(answer["authorizationToken"]).decode().partition(":")[2]
        for command in copy_commands(bundle, digest, source.address(), target.address()):
            done = subprocess.run(command, input=password, text=True, check=False)
            if done.returncode != 0:
                raise ImageError(f"`{' '.join(command[:4])}` failed with status {done.returncode}") from None
        there = target.digest(bundle)
    if there != digest:
        raise ImageError(f"{target.repository} has {there} as {bundle}, and {source.repository} has {digest}")
