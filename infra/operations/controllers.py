"""What controllers in a cluster made in AWS: load balancers, autoscaled machines, volumes.

While the cluster lives, its controllers remove them; afterwards nobody does, and they hold on to the network.
"""

from collections.abc import Sequence
from typing import Any

from infra.operations.account import Account, tags_of
from infra.operations.stack import Stack
from infra.operations.sweep.belonging import belongs

_TAG = "elbv2.k8s.aws/cluster"


def balancers(account: Account, stack: Stack) -> list[str]:
    """ARNs of the load balancers of the cluster's Ingresses and Services."""
    found = account.every("elbv2", "describe_load_balancers", "LoadBalancers")
    return _of_cluster(account, stack, [one["LoadBalancerArn"] for one in found])


def target_groups(account: Account, stack: Stack) -> list[str]:
    """ARNs of the target groups behind them."""
    found = account.every("elbv2", "describe_target_groups", "TargetGroups")
    return _of_cluster(account, stack, [one["TargetGroupArn"] for one in found])


def _of_cluster(account: Account, stack: Stack, arns: Sequence[str]) -> list[str]:
    # Twenty at once are all that AWS answers.
    batches = [list(arns[start : start + 20]) for start in range(0, len(arns), 20)]
    described = [
        one for batch in batches for one in account.ask("elbv2", "describe_tags", ResourceArns=batch)["TagDescriptions"]
    ]
    return [one["ResourceArn"] for one in described if tags_of(one).get(_TAG) == stack.prefix]


def machines(account: Account, stack: Stack) -> list[str]:
    """IDs of the machines that Karpenter started for the cluster and that have not ended."""
    filters = [
        {"Name": "tag-key", "Values": ["karpenter.sh/nodepool"]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "shutting-down", "stopping", "stopped"]},
    ]
    reservations = account.every("ec2", "describe_instances", "Reservations", Filters=filters)
    found: list[dict[str, Any]] = [one for group in reservations for one in group["Instances"]]
    return [one["InstanceId"] for one in found if belongs(tags_of(one), stack)]


def volumes(account: Account, ids: Sequence[str]) -> list[str]:
    """Those of the volumes that still exist."""
    if not ids:
        return []
    # A filter instead of names: one volume that is gone would refuse the whole call.
    found = account.every("ec2", "describe_volumes", "Volumes", Filters=[{"Name": "volume-id", "Values": list(ids)}])
    return [one["VolumeId"] for one in found]


def end(account: Account, stack: Stack) -> None:
    """Remove in AWS what controllers left that are gone with their cluster; volumes stay, as data may be on them."""
    for arn in balancers(account, stack):
        account.ask("elbv2", "delete_load_balancer", LoadBalancerArn=arn)
    for arn in target_groups(account, stack):
        account.ask("elbv2", "delete_target_group", TargetGroupArn=arn)
    if ids := machines(account, stack):
        account.ask("ec2", "terminate_instances", InstanceIds=ids)
