"""Copies of image repositories: manifests and layers, from one repository to the other inside the registry."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from infra.operations.account import Absent
from infra.operations.restore.copy import Compared, Copy
from infra.render.prices import Prices

_GIB = 2**30
# Bytes sent at once; ECR takes parts of 5 to 10 MiB.
_PART = 8 * 2**20


def restore(copy: Copy, purpose: str, tell: Callable[[int, int], None]) -> None:
    """Copy each tagged image that the copy lacks.

    Args:
        tell: Called with the number of images copied, and of all.
    """
    source, target = copy.repository(purpose), copy.repository_copy(purpose)
    _make(copy, source, target)
    missing = sorted(set(_tagged(copy, source)) - set(_tagged(copy, target)))
    for done, tag in enumerate(missing, start=1):
        _copy_image(copy, source, target, {"imageTag": tag})
        tell(done, len(missing))


def _make(copy: Copy, source: str, target: str) -> None:
    ask = copy.account.ask
    held = ask("ecr", "describe_repositories", repositoryNames=[source])["repositories"][0]
    try:
        ask("ecr", "describe_repositories", repositoryNames=[target])
    except Absent:
        ask(
            "ecr",
            "create_repository",
            repositoryName=target,
            imageTagMutability=held["imageTagMutability"],
            encryptionConfiguration=held["encryptionConfiguration"],
            tags=copy.tag_list,
        )


def _copy_image(copy: Copy, source: str, target: str, wanted: Mapping[str, str]) -> None:
    """One image by tag or digest: first all that its manifest names, then the manifest."""
    answer = copy.account.ask("ecr", "batch_get_image", repositoryName=source, imageIds=[dict(wanted)])
    image: dict[str, Any] = answer["images"][0]
    manifest = json.loads(image["imageManifest"])
    for one in manifest.get("manifests", []):
        _copy_image(copy, source, target, {"imageDigest": one["digest"]})
    layers = [*manifest.get("layers", []), *([manifest["config"]] if "config" in manifest else [])]
    for digest in dict.fromkeys(one["digest"] for one in layers):
        _copy_layer(copy, source, target, digest)
    kind = image.get("imageManifestMediaType") or manifest.get("mediaType")
    copy.account.ask(
        "ecr",
        "put_image",
        repositoryName=target,
        imageManifest=image["imageManifest"],
        **({"imageManifestMediaType": kind} if kind else {}),
        **wanted,
    )


def _copy_layer(copy: Copy, source: str, target: str, digest: str) -> None:
    ask = copy.account.ask
    there = ask("ecr", "batch_check_layer_availability", repositoryName=target, layerDigests=[digest])["layers"]
    if there and there[0]["layerAvailability"] == "AVAILABLE":
        return
    address = ask("ecr", "get_download_url_for_layer", repositoryName=source, layerDigest=digest)["downloadUrl"]
    upload, first = ask("ecr", "initiate_layer_upload", repositoryName=target)["uploadId"], 0
    with httpx.stream("GET", address, timeout=60) as layer:
        layer.raise_for_status()
        for part in layer.iter_bytes(_PART):
            ask(
                "ecr",
                "upload_layer_part",
                repositoryName=target,
                uploadId=upload,
                partFirstByte=first,
                partLastByte=first + len(part) - 1,
                layerPartBlob=part,
            )
            first += len(part)
    ask("ecr", "complete_layer_upload", repositoryName=target, uploadId=upload, layerDigests=[digest])


def _tagged(copy: Copy, repository: str) -> dict[str, str]:
    """Digest of each tagged image."""
    found = copy.account.every("ecr", "list_images", "imageIds", repositoryName=repository)
    return {one["imageTag"]: one["imageDigest"] for one in found if "imageTag" in one}


def compared(copy: Copy, purpose: str, prices: Prices) -> Compared:
    """Tags with their digests of the original and of the copy."""
    original, made = _tagged(copy, copy.repository(purpose)), _tagged(copy, copy.repository_copy(purpose))
    same = original.items() & made.items()
    images = copy.account.every("ecr", "describe_images", "imageDetails", repositoryName=copy.repository_copy(purpose))
    size, price = sum(one.get("imageSizeInBytes", 0) for one in images), prices.prices.get("ecr_storage")
    return Compared(
        what=f"images {purpose}",
        original=f"{len(original)} tags",
        copy=f"{len(same)} tags",
        monthly=price.monthly * size / _GIB if price else None,
    )


def delete(copy: Copy, purpose: str) -> None:
    """Remove the copy with all of its images."""
    try:
        copy.account.ask("ecr", "delete_repository", repositoryName=copy.repository_copy(purpose), force=True)
    except Absent:
        return
