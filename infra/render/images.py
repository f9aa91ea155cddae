"""Every container image that a stack pulls, and what pulls it: the list for a mirror."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.render.manifests import additions, objects
from infra.render.recording import Recording


def images(recording: Recording) -> dict[str, tuple[str, ...]]:
    """``{"registry/repository:tag": ("mlflow/Deployment/mlflow", "chart karpenter")}``, sorted.

    Found are images of pods' containers at any depth, so in custom resources as well, variables such as
    ``LAUNCHER_IMAGE``, the images in the values of charts, and those that a component states.
    """
    users: dict[str, set[str]] = {}
    for one in objects(recording):
        metadata = one.inputs.get("metadata") or {}
        parts = (metadata.get("namespace"), one.kind, metadata.get("name") or one.name)
        for image in _in(one.inputs):
            users.setdefault(image, set()).add("/".join(part for part in parts if part))
    for one in additions(recording):
        for image in _in(one.values):
            users.setdefault(image, set()).add(f"{one.kind.lower()} {one.name}")
    for one in recording.resources:
        for image in one.outputs.get("images", []):
            users.setdefault(image, set()).add(f"component {one.name}")
    return {image: tuple(sorted(users[image])) for image in sorted(users)}


def without_images(recording: Recording) -> tuple[str, ...]:
    """Charts and kustomizations that name no image in what the stack gives them: any that they pull is unknown here."""
    stated = {one.urn for one in recording.resources if one.outputs.get("images")}
    return tuple(one.name for one in additions(recording) if not any(_in(one.values)) and one.component not in stated)


def listing(recording: Recording) -> str:
    """One line an image: the image, a tab, its users. Lines with ``#`` name what a mirror might miss."""
    lines = [f"{image}\t{', '.join(used_by)}\n" for image, used_by in images(recording).items()]
    return "".join(f"# names no image in its values: {name}\n" for name in without_images(recording)) + "".join(lines)


def _in(value: Any) -> Iterator[str]:
    """All images somewhere inside a value."""
    if isinstance(value, Mapping):
        found = _of_mapping(value)
        if found:
            yield found
        for key, inner in value.items():
            if isinstance(inner, str):
                if key.lower().endswith("image") and _is_image(inner):
                    yield inner
            else:
                yield from _in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _in(inner)


def _of_mapping(value: Mapping[str, Any]) -> str | None:
    """An image in parts, as charts want it, or in a variable of a container."""
    name, text = value.get("name"), value.get("value")
    if isinstance(name, str) and name.upper().endswith("IMAGE") and isinstance(text, str) and _is_image(text):
        return text
    repository = value.get("repository")
    if not isinstance(repository, str) or "://" in repository:
        return None
    tag, digest = value.get("tag") or value.get("version"), value.get("digest") or value.get("sha")
    if not tag and not digest:
        return None
    registry = value.get("registry")
    whole = f"{registry}/{repository}" if registry else repository
    whole = f"{whole}:{tag}" if tag else whole
    return f"{whole}@sha256:{str(digest).removeprefix('sha256:')}" if digest else whole


def _is_image(text: str) -> bool:
    """Whether it is a reference with a tag or digest, not a pull policy or a bare name."""
    return " " not in text and "://" not in text and (":" in text.rpartition("/")[2] or "@" in text)
