"""Everything else that carries the stack's tags, by the one service that knows the tags of all others."""

from collections.abc import Iterator, Sequence

from infra.operations.account import tags_of
from infra.operations.sweep.belonging import belongs
from infra.operations.sweep.leftover import Leftover, Lister, Look


def others(look: Look, covered: Sequence[str]) -> Iterator[Leftover]:
    """Tagged resources of kinds that no lister covers.

    Args:
        covered: Kinds as ``Lister.covers`` names them; those are left to their listers, which also see their state.
    """
    cluster = look.stack.prefix
    seen: set[str] = set()
    asked = (
        [{"Key": "project", "Values": [look.stack.tags["project"]]}, {"Key": "stack", "Values": [look.stack.name]}],
        [{"Key": f"kubernetes.io/cluster/{cluster}", "Values": ["owned"]}],
        [{"Key": "elbv2.k8s.aws/cluster", "Values": [cluster]}],
        [{"Key": "aws:eks:cluster-name", "Values": [cluster]}],
        [{"Key": "eks:cluster-name", "Values": [cluster]}],
        [{"Key": "KubernetesCluster", "Values": [cluster]}],
    )
    for filters in asked:
        for one in look.every(
            "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters
        ):
            arn = one["ResourceARN"]
            if arn in seen or _is_covered(kind(arn), covered) or not belongs(tags_of(one), look.stack):
                continue
            seen.add(arn)
            yield Leftover(
                kind=kind(arn),
                id=arn,
                region=look.region,
                detail="found by its tags",
                monthly=None,
                removal=f"# remove {arn} in the AWS console",
            )


def kind(arn: str) -> str:
    """What the tagging service calls the resource: ``ec2:instance``, ``s3:keelson-dev-data``."""
    _, _, service, _, _, resource = arn.split(":", 5)
    return f"{service}:{resource.replace(':', '/').split('/')[0]}"


def _is_covered(found: str, covered: Sequence[str]) -> bool:
    return any(found == one or (one.endswith(":") and found.startswith(one)) for one in covered)


def lister(covered: Sequence[str]) -> Lister:
    """Lists what the others do not."""
    return Lister(kind="tagged resources", covers=(), look=lambda look: others(look, covered))
