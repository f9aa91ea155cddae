"""Who may do what in the repository: one team for each role, what it may, and what it must review.

The roles are those of the cluster (``infra/apps/roles.py``). Who is in a team is the organization's business and
stands nowhere here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# GitHub's words, from reading to managing without the settings that only administrators have.
Permission = Literal["pull", "triage", "push", "maintain"]


@dataclass(frozen=True, kw_only=True)
class Role:
    """A team of the organization.

    Attributes:
        slug: GitHub's name of the team.
        may: What the team may do in the repository. GitHub counts the reviews of teams that may at least ``push``.
        why: What people in this role do here, one sentence.
    """

    slug: str
    may: Permission
    why: str


@dataclass(frozen=True, kw_only=True)
class Owned:
    """Files whose changes need a review by one of the owners.

    Attributes:
        path: Of a file or, ending in ``/``, a folder, from the repository's root; ``*`` is everything else.
        owners: Slugs of roles; a review by one of them is enough.
    """

    path: str
    owners: tuple[str, ...]


# Nobody pushes to main or develop: rulesets let changes in by pull request alone.
ROLES: Sequence[Role] = (
    Role(slug="data-scientist", may="push", why="Writes models and experiments, and reviews them."),
    Role(slug="ml-engineer", may="push", why="Writes pipelines, serving and monitoring, and reviews them."),
    Role(slug="data-engineer", may="push", why="Writes what reads, checks and keeps data, and reviews it."),
    Role(slug="platform-engineer", may="maintain", why="Writes infrastructure, makes releases, and approves prod."),
    Role(slug="reviewer", may="push", why="Reviews what decides about safety, and approves prod."),
)

# The last line that fits a file decides, as in GitHub's own file.
OWNED: Sequence[Owned] = (
    Owned(path="*", owners=("reviewer", "platform-engineer")),
    Owned(path="/experiments/", owners=("data-scientist",)),
    Owned(path="/components/", owners=("ml-engineer", "data-scientist")),
    Owned(path="/components/features/", owners=("data-engineer", "ml-engineer")),
    Owned(path="/components/ingest/", owners=("data-engineer",)),
    Owned(path="/components/labels/", owners=("data-engineer",)),
    Owned(path="/components/materialize/", owners=("data-engineer",)),
    Owned(path="/components/trips/", owners=("data-engineer",)),
    Owned(path="/components/validate/", owners=("data-engineer",)),
    Owned(path="/pipelines/", owners=("ml-engineer",)),
    Owned(path="/serving/", owners=("ml-engineer",)),
    Owned(path="/monitoring/", owners=("ml-engineer", "data-scientist")),
    Owned(path="/infra/", owners=("platform-engineer",)),
    Owned(path="/Makefile", owners=("platform-engineer",)),
    Owned(path="/Pulumi.yaml", owners=("platform-engineer",)),
    Owned(path="/pyproject.toml", owners=("platform-engineer", "ml-engineer")),
    Owned(path="/uv.lock", owners=("platform-engineer", "ml-engineer")),
    # What lets a model serve: whoever wrote the model does not move the gate as well.
    Owned(path="/components/thresholds.py", owners=("reviewer",)),
    Owned(path="/components/compare/", owners=("reviewer",)),
    Owned(path="/components/promotion.py", owners=("reviewer",)),
    # What lets code and people reach a cloud account.
    Owned(path="/.github/", owners=("reviewer",)),
    Owned(path="/infra/apps/roles.py", owners=("reviewer",)),
    Owned(path="/infra/bootstrap/", owners=("reviewer",)),
    Owned(path="/infra/delivery/", owners=("reviewer",)),
    Owned(path="/infra/policies/", owners=("reviewer",)),
    Owned(path="/infra/repository/", owners=("reviewer",)),
)
