"""What every permission is limited to, and the table of reasons for each wildcard."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.aws.naming import PROJECT
from infra.aws.policy import Statement

# Why each statement that allows a wildcard (the resource `*`, or an action with `*`) needs it, by statement ID.
# A statement with a wildcard and without a row here cannot be built.
REASONS: Mapping[str, str] = {
    "ReadsNetwork": "EC2's describe calls have no resource-level permissions",
    "ReadsBalancers": "ELB's describe calls have no resource-level permissions",
    "ReadsClusters": "add-on versions and lists of clusters have no resource-level permissions",
    "ReadsBuckets": "settings of a bucket are some twenty calls, all reads, and each provider release may add one",
    "ReadsDatabases": "RDS filters its lists by name only after it has read them, and asks for the right to all",
    "ReadsKeys": "lists of keys and aliases have no resource-level permissions",
    "ReadsRegistry": "an ECR login has no resource-level permissions",
    "ReadsLogGroups": "the list of log groups has no resource-level permissions",
    "ReadsQuotas": "quotas belong to the account; preflight compares them with the stack",
    "ListsWhatIsLeft": "lists have no resource-level permissions; the sweep after a teardown looks through them",
    "MakesKeys": "a key has no name before it is made; its tags are demanded by the condition",
    "ChangesKeys": "keys are named by AWS; the stack's tag is demanded by the condition",
    "UsesKeys": "keys are named by AWS; the stack's tag is demanded by the condition",
    "GrantsKeys": "keys are named by AWS; the stack's tag is demanded, and only AWS's own services are granted",
    "DeliversFlowLogs": "log deliveries have no resource-level permissions",
    "DeniesOtherRegions": "a denial",
    "WorksInBoundary": "services that workloads use; a boundary grants nothing, the role's own policy must as well",
    "WorksOnBuckets": "as above; only the project's buckets",
    "WorksOnSecrets": "as above; only the project's secrets and those that RDS keeps",
    "StaysOutOfState": "a denial",
    "LeavesStateLocked": "a denial",
}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One stack in one account, or, with the stack ``*``, all of them.

    Attributes:
        regions: Regions in which the stack may have parts.
        protected: The stack's stateful resources can be neither destroyed nor replaced, so nobody needs the right to.
    """

    account_id: str
    regions: tuple[str, ...]
    stack: str
    protected: bool

    @property
    def prefix(self) -> str:
        """What the names of the stack's parts begin with: ``keelson-dev``."""
        return f"{PROJECT}-{self.stack}"

    def arn(self, service: str, resource: str) -> str:
        """ARN in this account, in whichever region: regions are limited by a denial of all others."""
        return f"arn:aws:{service}:*:{self.account_id}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """ARN in this account, of a service without regions."""
        return f"arn:aws:{service}::{self.account_id}:{resource}"

    @property
    def owned(self) -> dict[str, str]:
        """Condition: the resource carries the stack's tags."""
        return {"aws:ResourceTag/project": PROJECT, "aws:ResourceTag/stack": self.stack}

    @property
    def asked(self) -> dict[str, str]:
        """Condition: the request puts the stack's tags on what it makes."""
        return {"aws:RequestTag/project": PROJECT, "aws:RequestTag/stack": self.stack}


class Permission(Statement):
    """A statement for the bootstrap's roles; a wildcard needs a row in ``REASONS``."""

    def __post_init__(self) -> None:
        actions = [one for one in self.actions if "*" in one]
        wild = [*actions, *(one for one in self.resources if one == "*")]
        if wild and self.sid not in REASONS:
            raise ValueError(
                f"statement {self.sid} uses the wildcard {wild[0]!r} without a reason: name what it needs, "
                "or write the reason into REASONS in infra/bootstrap/permissions/scope.py"
            )
