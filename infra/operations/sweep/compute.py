"""Machines, disks and images of disks."""

from collections.abc import Iterator

from infra.operations.account import tags_of
from infra.operations.sweep.belonging import belongs
from infra.operations.sweep.leftover import Leftover, Lister, Look

# A machine that is ending, or a group whose machines are, is as good as gone; it vanishes within the hour.
_GONE = ("terminated", "shutting-down")


def instances(look: Look) -> Iterator[Leftover]:
    for reservation in look.every("ec2", "describe_instances", "Reservations"):
        for one in reservation["Instances"]:
            state = one["State"]["Name"]
            if state in _GONE or not belongs(tags_of(one), look.stack):
                continue
            spot, price = one.get("InstanceLifecycle") == "spot", look.prices.instances.get(one["InstanceType"])
            yield look.found(
                "machine",
                one["InstanceId"],
                f"ec2 terminate-instances --instance-ids {one['InstanceId']}",
                detail=f"{one['InstanceType']}, {'spot, ' if spot else ''}{state}",
                # A stopped machine costs nothing itself; a spot machine never more than the on-demand price.
                monthly=0 if state == "stopped" else price.monthly if price else None,
            )


def volumes(look: Look) -> Iterator[Leftover]:
    for one in look.every("ec2", "describe_volumes", "Volumes"):
        if belongs(tags_of(one), look.stack):
            yield look.found(
                "volume",
                one["VolumeId"],
                f"ec2 delete-volume --volume-id {one['VolumeId']}",
                detail=f"{one['Size']} GiB {one['VolumeType']}, {one['State']}",
                monthly=look.unit(f"ebs_{one['VolumeType']}", one["Size"]),
            )


def snapshots(look: Look) -> Iterator[Leftover]:
    for one in look.every("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"]):
        if belongs(tags_of(one), look.stack):
            yield look.found(
                "snapshot",
                one["SnapshotId"],
                f"ec2 delete-snapshot --snapshot-id {one['SnapshotId']}",
                detail=f"of {one['VolumeSize']} GiB",
                monthly=look.unit("ebs_snapshot", one["VolumeSize"]),
            )


def templates(look: Look) -> Iterator[Leftover]:
    for one in look.every("ec2", "describe_launch_templates", "LaunchTemplates"):
        if belongs(tags_of(one), look.stack):
            id_ = one["LaunchTemplateId"]
            yield look.found(
                "launch template",
                id_,
                f"ec2 delete-launch-template --launch-template-id {id_}",
                detail=one["LaunchTemplateName"],
            )


def groups(look: Look) -> Iterator[Leftover]:
    for one in look.every("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        if belongs(tags_of(one), look.stack):
            name = one["AutoScalingGroupName"]
            yield look.found(
                "auto-scaling group",
                name,
                f"autoscaling delete-auto-scaling-group --auto-scaling-group-name {name} --force-delete",
                detail=f"{one['DesiredCapacity']} machines wanted",
            )


LISTERS = (
    Lister(kind="machines", covers=("ec2:instance",), look=instances),
    Lister(kind="volumes", covers=("ec2:volume",), look=volumes),
    Lister(kind="snapshots", covers=("ec2:snapshot",), look=snapshots),
    Lister(kind="launch templates", covers=("ec2:launch-template",), look=templates),
    Lister(kind="auto-scaling groups", covers=("autoscaling:autoScalingGroup",), look=groups),
)
