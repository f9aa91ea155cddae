"""Images of Kubeflow Pipelines: what upstream's objects name is exchanged for what the versions file pins."""

from collections.abc import Mapping
from typing import Any

from infra.apps.images import prefixed
from infra.settings.cloud import CloudSettings
from infra.versions import versions


def pinned(image: str, settings: CloudSettings) -> str:
    """The image as this stack pulls it: the version of ``[kubeflow.images]``, from the stack's registry.

    Args:
        image: ``registry/repository``; a tag or digest is left out of account.

    Raises:
        ValueError: The versions file does not name the repository.
    """
    repository = _repository(image)
    known = {_repository(one): one for one in versions().kubeflow.images.values()}
    if repository not in known:
        raise ValueError(
            f"image {image!r} of Kubeflow Pipelines is not in [kubeflow.images] of infra/versions.toml, which has "
            f"{', '.join(sorted(known))}; add it with its version, or leave out what uses it"
        )
    return prefixed(known[repository], settings)


def pulled(settings: CloudSettings) -> tuple[str, ...]:
    """Every image that Kubeflow Pipelines pulls in this stack, sorted: the part of a mirror's list that is in no
    object of a render."""
    return tuple(sorted(pinned(image, settings) for image in versions().kubeflow.images.values()))


def with_pinned_images(pod: Mapping[str, Any], settings: CloudSettings) -> dict[str, Any]:
    """A pod's specification with every container's image pinned.

    Raises:
        ValueError: The versions file does not name one of them.
    """
    kinds = [kind for kind in ("initContainers", "containers") if pod.get(kind)]
    return {**pod, **{kind: [{**one, "image": pinned(one["image"], settings)} for one in pod[kind]] for kind in kinds}}


def _repository(image: str) -> str:
    """``registry/repository`` without tag and digest; a registry may have a port."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"
