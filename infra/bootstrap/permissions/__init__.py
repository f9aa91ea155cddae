"""What deploy roles, training roles and the preview role may do, by area; each area is one managed policy.

IAM allows 6,144 characters a policy and ten policies a role.
"""

from infra.aws.policy import Statement
from infra.bootstrap.permissions import cluster, databases, identity, messages, network, storage
from infra.bootstrap.permissions.scope import Permission, Scope

_AREAS = {
    "network": network,
    "cluster": cluster,
    "storage": storage,
    "databases": databases,
    "identity": identity,
    "messages": messages,
}


def stack_policies(scope: Scope) -> dict[str, list[Statement]]:
    """All that deploying, pausing and tearing down one stack takes, ``{"network": [...], ...}``."""
    areas: dict[str, list[Statement]] = {
        name: [*area.reads(scope), *area.writes(scope)] for name, area in _AREAS.items()
    }
    areas["messages"].append(_keep_to(scope.regions))
    return areas


def training_policies(scope: Scope) -> dict[str, list[Statement]]:
    """All that starting a run on a stack's cluster takes of AWS; what may be done there, Kubernetes decides."""
    return {"cluster": list(cluster.starts_runs(scope))}


def preview_policies(account_id: str) -> dict[str, list[Statement]]:
    """What a preview with refresh takes: the settings of the project's resources, no data and no secret."""
    every = Scope(account_id=account_id, regions=(), stack="*", protected=True)
    return {name: list(area.reads(every)) for name, area in _AREAS.items()}


def _keep_to(regions: tuple[str, ...]) -> Statement:
    return Permission(
        sid="DeniesOtherRegions",
        effect="Deny",
        actions=["*"],
        resources=["*"],
        # Services without regions, such as IAM and Budgets, count as us-east-1.
        conditions={"StringNotEquals": {"aws:RequestedRegion": sorted({*regions, "us-east-1"})}},
    )
