"""Where container images are pulled from: their own registries, or one that stands before them all."""

from infra.settings.services import ServiceSettings

_DOCKER_HUB = "docker.io"


def prefixed(image: str, settings: ServiceSettings) -> str:
    """The image as this stack pulls it.

    With ``images.prefix`` the whole original address goes below it, so that a mirror is a plain copy and two
    registries' images of one name stay apart: ``quay.io/a/b:1`` → ``<prefix>/quay.io/a/b:1``.

    Args:
        image: ``[registry/]repository[:tag][@digest]``; Docker Hub's short names are allowed.
    """
    prefix = settings.images.prefix
    full = normalised(image)
    if prefix is None or full.startswith(f"{prefix}/"):
        return full
    return f"{prefix}/{full}"


def normalised(image: str) -> str:
    """The image with its registry spelled out: ``busybox:1`` → ``docker.io/library/busybox:1``."""
    first, slash, _ = image.partition("/")
    if not slash:
        return f"{_DOCKER_HUB}/library/{image}"
    if "." in first or ":" in first or first == "localhost":
        return image
    return f"{_DOCKER_HUB}/{image}"


def parts(image: str) -> tuple[str, str, str]:
    """Registry, repository and tag of an image, as charts want them apart.

    Raises:
        ValueError: It has no tag.
    """
    registry, _, rest = normalised(image).partition("/")
    repository, colon, tag = rest.rpartition(":")
    if not colon:
        raise ValueError(f"image {image!r} has no tag; write registry/repository:tag")
    return registry, repository, tag
