"""Names and tags in AWS: one function each, so that a stack's parts are found by name and by tag."""

from typing import Any

import pulumi

PROJECT = "keelson"

# The shortest of AWS's limits for the names made here: RDS identifiers and S3 buckets 63, IAM roles 64.
_LIMIT = 63


def prefix(stack: str) -> str:
    """What the names of a stack's parts begin with; also the name of its cluster: ``keelson-dev``."""
    return f"{PROJECT}-{stack}"


def cloud_name(part: str) -> str:
    """``keelson-<stack>-<part>``, for the places where AWS wants a name that people and policies recognise.

    Raises:
        ValueError: The name is longer than AWS's shortest limit, 63 characters.
    """
    name = f"{prefix(pulumi.get_stack())}-{part}"
    if len(name) > _LIMIT:
        raise ValueError(f"the name {name!r} has {len(name)} characters; AWS allows {_LIMIT}: shorten {part!r}")
    return name


def github_role(work: str, stack: str) -> str:
    """Name of the role, made by the bootstrap, by which GitHub's jobs work on a stack: ``keelson-deploy-dev``."""
    return f"{PROJECT}-{work}-{stack}"


def state_bucket(account_id: str, region: str) -> str:
    """Name of the bucket in which an account keeps the state of its stacks."""
    return f"{PROJECT}-state-{account_id}-{region}"


def tags() -> dict[str, str]:
    """The tags of everything that belongs to this stack; budget, sweep and cost reports go by them."""
    return {"project": PROJECT, "stack": pulumi.get_stack(), "managed-by": "pulumi"}


def tag_everything() -> None:
    """Put the stack's tags on each AWS resource that takes tags, without one call to forget.

    The provider's own ``default_tags`` would do it as well, but unseen: neither a render nor a policy would show them.
    """
    pulumi.runtime.register_stack_transformation(_tagged)


def _tagged(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    # pulumi-aws sets the key for every type that has tags; an auto-scaling group's are of another shape.
    if not args.type_.startswith("aws:") or "tags" not in args.props or args.type_ == "aws:autoscaling/group:Group":
        return None
    props: dict[str, Any] = dict(args.props)
    props["tags"] = {**tags(), **(props["tags"] or {})}
    return pulumi.ResourceTransformationResult(props=props, opts=args.opts)
