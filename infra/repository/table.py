"""What GitHub must enforce: how changes get into each branch, and what may reach each environment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A branch that only reviewed and tested pull requests change.

    It cannot be deleted or rewound, and nobody is exempt: an administrator who must pass switches the ruleset off,
    which GitHub's audit log keeps.

    Attributes:
        merge: The one way that a pull request becomes part of the branch.
        linear: Whether merge commits are refused.
        current: Whether a pull request must have been tested on top of the branch's newest commit.
        owners: Whether an owner of each changed file must have reviewed.
        deployed: Environments to which the very commit must have been deployed before.
    """

    name: str
    merge: Literal["merge", "squash"]
    linear: bool
    current: bool
    owners: bool
    deployed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where a job may run that takes a cloud role on.

    Attributes:
        ref_type: Whether ``refs`` are branches or tags.
        refs: Patterns of what a job may run from; nothing else reaches the environment.
        reviewers: Slugs of roles; somebody of one of them, but not who started the job, must approve it.
        wait_minutes: Between the approval and the job, in which it can be taken back.
    """

    name: str
    ref_type: Literal["branch", "tag"]
    refs: tuple[str, ...]
    reviewers: tuple[str, ...] = ()
    wait_minutes: int = 0


RELEASE_TAGS = "v*"
# Who may make them.
RELEASERS = "platform-engineer"

BRANCHES: Sequence[Branch] = (
    # One commit for each change, so that a revert is one commit as well.
    Branch(name="develop", merge="squash", linear=True, current=True, owners=True),
    # Develop's commits arrive as they are, by a merge commit: squashed ones would differ from what ran in dev. That
    # merge commit is not on develop, so to demand main's newest commit there would refuse every further release.
    # Only what was deployed to dev gets in, and only develop gets there: all owners have seen it by then, and to ask
    # all of them once more would be for each release to wait for everybody.
    Branch(name="main", merge="merge", linear=False, current=False, owners=False, deployed=("dev",)),
)

_DEPLOYED: Sequence[Environment] = (
    # What is started by hand, such as the release of a model, runs from main, whose commits were in dev before.
    Environment(name="dev", ref_type="branch", refs=("develop", "main")),
    Environment(name="staging", ref_type="branch", refs=("main",)),
    Environment(
        name="prod",
        ref_type="tag",
        refs=(RELEASE_TAGS,),
        reviewers=("platform-engineer", "reviewer"),
        wait_minutes=5,
    ),
)


def training(environment: str) -> str:
    """The environment of jobs that train where an environment's stack is."""
    return f"{environment}-train"


ENVIRONMENTS: Sequence[Environment] = (
    *_DEPLOYED,
    # By the same commits, the weekly run by those of main. Nobody is asked: the role starts runs, and deploys nothing.
    *(replace(one, name=training(one.name), reviewers=(), wait_minutes=0) for one in _DEPLOYED),
    # No stack: the nightly look for drift, which reads all three by the preview role.
    Environment(name="drift", ref_type="branch", refs=("main",)),
)

# Actions of others than GitHub that workflows use, each pinned to a commit; every further one is an edit here.
ALLOWED_ACTIONS: Sequence[str] = ("astral-sh/setup-uv@*", "aws-actions/configure-aws-credentials@*")
