"""What is run is what was chosen: images, charts, registries, machine images."""

import re
from collections.abc import Iterator
from typing import Any

from infra.policies.resource import Finding, Resource, lookup, many
from infra.policies.rule import Severity, rule
from infra.policies.workload import WORKLOADS, containers

_MOVING = frozenset("latest main master dev edge nightly stable head".split())
_PINNED = "a digest, or a tag of one release; not latest, main, stable and the like"
_REPOSITORY = ("aws:ecr/repository:Repository",)
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")


@rule(
    source="what was tested must be what is run, and what is run again after a restart",
    severity=Severity.HIGH,
    types=WORKLOADS,
    brought=True,
)
def image_pinned(resource: Resource) -> Iterator[Finding]:
    """Every image is named by digest, or by a tag of one release."""
    for path, container in containers(resource):
        image = lookup(container, "image")
        if image is None or (isinstance(image, str) and not pinned(image)):
            yield Finding(f"{path}.image", image, _PINNED)


def pinned(image: str) -> bool:
    """Whether an image's name says which image it is: ``registry:5000/name:1.2`` does, ``registry:5000/name`` not."""
    if re.search(r"@sha256:[0-9a-f]{64}$", image):
        return True
    _, colon, tag = image.rsplit("/", 1)[-1].partition(":")
    return bool(colon and tag) and tag.lower() not in _MOVING


@rule(source="CIS EKS 5.1 eks-ecr-image-scanning-enabled", severity=Severity.MEDIUM, types=_REPOSITORY)
def eks_ecr_image_scanning_enabled(resource: Resource) -> Iterator[Finding]:
    """Every image is scanned as it is pushed."""
    yield from resource.must_be("imageScanningConfiguration.scanOnPush", True)


@rule(
    source="Security Hub ECR.2; a tag that moves makes a roll-back into a gamble",
    severity=Severity.HIGH,
    types=_REPOSITORY,
)
def repository_tags_immutable(resource: Resource) -> Iterator[Finding]:
    """A tag in the stack's registry stays on the image that it was given to."""
    yield from resource.must_be("imageTagMutability", "IMMUTABLE")


@rule(
    source="a chart without a version is another one tomorrow",
    severity=Severity.HIGH,
    types=("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v4:Chart"),
)
def chart_pinned(resource: Resource) -> Iterator[Finding]:
    """Every Helm chart is one version, from a registry or over TLS."""
    version: Any = resource.get("version")
    if version is None or (isinstance(version, str) and not _EXACT.fullmatch(version)):
        yield Finding("version", version, "one version, such as 1.2.3")
    for path in ("chart", "repositoryOpts.repo"):
        source = resource.get(path)
        if isinstance(source, str) and re.match(r"(?!https://|oci://)[a-z+]+://", source):
            yield Finding(path, source, "an address that begins with https:// or oci://")


@rule(
    source="the newest machine image is another one at each scale-up",
    severity=Severity.MEDIUM,
    types=("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass",),
)
def machine_image_pinned(resource: Resource) -> Iterator[Finding]:
    """Karpenter's nodes start from one machine image, named by ID or by a dated alias."""
    terms = many(resource.get("spec.amiSelectorTerms"))
    if not terms:
        yield Finding("spec.amiSelectorTerms", None, "an id, or an alias with a date such as al2023@v20250101")
    for number, term in enumerate(terms):
        alias = lookup(term, "alias")
        if isinstance(alias, str) and not re.fullmatch(r"[a-z0-9]+@v[0-9][0-9.]*", alias):
            yield Finding(f"spec.amiSelectorTerms.{number}.alias", alias, "one with a date such as al2023@v20250101")
