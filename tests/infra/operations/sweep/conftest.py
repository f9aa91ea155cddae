"""Plants one resource of each kind in an account, of a stack and of others, as its maker would make it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from infra.operations.account import Account
from infra.operations.sweep.leftover import Sweep
from infra.operations.sweep.search import search
from infra.render.prices import prices

if TYPE_CHECKING:
    from tests.infra.operations.conftest import Clients, StackBuilder


ACCOUNT = "123456789012"


PULUMI = {"project": "keelson", "stack": "dev", "managed-by": "pulumi"}


KARPENTER = {"kubernetes.io/cluster/keelson-dev": "owned", "karpenter.sh/nodepool": "gpu"}


BALANCER = {"elbv2.k8s.aws/cluster": "keelson-dev", "ingress.k8s.aws/stack": "pages"}


# Somebody else's: another stack of the project, another project, and clusters of neither.
FOREIGN = (
    {"project": "keelson", "stack": "prod", "managed-by": "pulumi"},
    {"project": "other", "stack": "dev"},
    {"kubernetes.io/cluster/keelson-prod": "owned", "karpenter.sh/nodepool": "gpu"},
    {"kubernetes.io/cluster/keelson-dev": "shared"},
    {"elbv2.k8s.aws/cluster": "keelson-development"},
    {"ebs.csi.aws.com/cluster": "true"},
    {},
)


OTHER_NAMES = ("keelson-prod", "keelson-developer", "other")


Tags = Mapping[str, str]


Plant = Callable[[Any, Tags], str]


def as_list(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def specified(kind: str, tags: Tags) -> dict[str, Any]:
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": as_list(tags)}]} if tags else {}


def a_subnet(aws: Any, tags: Tags = MappingProxyType({})) -> dict[str, Any]:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16", **specified("vpc", tags))["Vpc"]["VpcId"]
    return ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24")["Subnet"]


def a_machine(aws: Any, tags: Tags) -> str:
    image = aws("ec2").register_image(Name=f"image-{len(tags)}", RootDeviceName="/dev/xvda")["ImageId"]
    made = aws("ec2").run_instances(
        ImageId=image, InstanceType="t3.large", MinCount=1, MaxCount=1, **specified("instance", tags)
    )
    return made["Instances"][0]["InstanceId"]


def a_volume(aws: Any, tags: Tags) -> str:
    zone = {"AvailabilityZone": "us-east-1a", "Size": 10, "VolumeType": "gp3"}
    return aws("ec2").create_volume(**zone, **specified("volume", tags))["VolumeId"]


def a_snapshot(aws: Any, tags: Tags) -> str:
    volume = aws("ec2").create_volume(AvailabilityZone="us-east-1a", Size=10)["VolumeId"]
    return aws("ec2").create_snapshot(VolumeId=volume, **specified("snapshot", tags))["SnapshotId"]


def a_template(aws: Any, tags: Tags) -> str:
    made = aws("ec2").create_launch_template(
        LaunchTemplateName=f"template-{abs(hash(str(tags)))}",
        LaunchTemplateData={"InstanceType": "t3.large"},
        **specified("launch-template", tags),
    )
    return made["LaunchTemplate"]["LaunchTemplateId"]


def an_autoscaling_group(aws: Any, tags: Tags) -> str:
    subnet, name = a_subnet(aws), f"group-{abs(hash(str(tags)))}"
    aws("autoscaling").create_launch_configuration(
        LaunchConfigurationName=name, ImageId="ami-12345678", InstanceType="t3.large"
    )
    aws("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=subnet["SubnetId"],
        Tags=[{**one, "PropagateAtLaunch": False} for one in as_list(tags)],
    )
    return name


def a_balancer(aws: Any, tags: Tags) -> str:
    first = a_subnet(aws)
    second = aws("ec2").create_subnet(VpcId=first["VpcId"], CidrBlock="10.99.1.0/24", AvailabilityZone="us-east-1b")[
        "Subnet"
    ]
    name = f"lb-{abs(hash(str(tags))) % 10**9}"
    given = {"Tags": as_list(tags)} if tags else {}
    aws("elbv2").create_load_balancer(Name=name, Subnets=[first["SubnetId"], second["SubnetId"]], **given)
    return name


def a_classic_balancer(aws: Any, tags: Tags) -> str:
    name = f"classic-{abs(hash(str(tags))) % 10**9}"
    given = {"Tags": as_list(tags)} if tags else {}
    listener = {"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}
    aws("elb").create_load_balancer(
        LoadBalancerName=name, Listeners=[listener], AvailabilityZones=["us-east-1a"], **given
    )
    return name


def a_target_group(aws: Any, tags: Tags) -> str:
    name = f"tg-{abs(hash(str(tags))) % 10**9}"
    given = {"Tags": as_list(tags)} if tags else {}
    aws("elbv2").create_target_group(
        Name=name, Protocol="HTTP", Port=80, VpcId=a_subnet(aws)["VpcId"], TargetType="ip", **given
    )
    return name


def a_nat_gateway(aws: Any, tags: Tags) -> str:
    subnet = a_subnet(aws)["SubnetId"]
    made = aws("ec2").create_nat_gateway(SubnetId=subnet, ConnectivityType="private", **specified("natgateway", tags))
    return made["NatGateway"]["NatGatewayId"]


def an_address(aws: Any, tags: Tags) -> str:
    return aws("ec2").allocate_address(Domain="vpc", **specified("elastic-ip", tags))["AllocationId"]


def an_endpoint(aws: Any, tags: Tags) -> str:
    subnet = a_subnet(aws)
    made = aws("ec2").create_vpc_endpoint(
        VpcId=subnet["VpcId"],
        ServiceName="com.amazonaws.us-east-1.ecr.api",
        VpcEndpointType="Interface",
        SubnetIds=[subnet["SubnetId"]],
        **specified("vpc-endpoint", tags),
    )
    return made["VpcEndpoint"]["VpcEndpointId"]


def an_interface(aws: Any, tags: Tags) -> str:
    subnet = a_subnet(aws)["SubnetId"]
    made = aws("ec2").create_network_interface(SubnetId=subnet, **specified("network-interface", tags))
    return made["NetworkInterface"]["NetworkInterfaceId"]


def a_security_group(aws: Any, tags: Tags) -> str:
    vpc = a_subnet(aws)["VpcId"]
    return aws("ec2").create_security_group(
        GroupName="pods", Description="-", VpcId=vpc, **specified("security-group", tags)
    )["GroupId"]


def a_network(aws: Any, tags: Tags) -> str:
    return a_subnet(aws, tags)["VpcId"]


def an_instance(aws: Any, name: str) -> None:
    size = {"Engine": "postgres", "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20}
    aws("rds").create_db_instance(
        DBInstanceIdentifier=name, MasterUsername="keelson", MasterUserPassword="a-password", **size
    )


def a_database_snapshot(aws: Any, tags: Tags) -> str:
    name = f"by-hand-{abs(hash(str(tags)))}"
    an_instance(aws, f"of-{name}")
    aws("rds").create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=f"of-{name}", Tags=as_list(tags))
    return name


def a_key(aws: Any, tags: Tags) -> str:
    given = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    return aws("kms").create_key(Tags=given)["KeyMetadata"]["KeyId"]


def a_secret(aws: Any, tags: Tags) -> str:
    name = f"secret-{abs(hash(str(tags)))}"
    aws("secretsmanager").create_secret(Name=name, SecretString="-", Tags=as_list(tags))
    return name


def a_tagged_subnet(aws: Any, tags: Tags) -> str:
    """Of a kind that has no lister of its own: the tagging service alone tells of it."""
    made = aws("ec2").create_subnet(VpcId=a_subnet(aws)["VpcId"], CidrBlock="10.99.7.0/24", **specified("subnet", tags))
    return made["Subnet"]["SubnetArn"]


# Kind in the sweep's words → how one is made, and tags by which its maker would mark it as the stack's.
BY_TAG: dict[str, tuple[Plant, Tags]] = {
    "machine": (a_machine, KARPENTER),
    "volume": (a_volume, {"KubernetesCluster": "keelson-dev", "CSIVolumeName": "pvc-1"}),
    "snapshot": (a_snapshot, PULUMI),
    "launch template": (a_template, KARPENTER),
    "auto-scaling group": (an_autoscaling_group, {"eks:cluster-name": "keelson-dev"}),
    "load balancer": (a_balancer, BALANCER),
    "classic load balancer": (a_classic_balancer, {"kubernetes.io/cluster/keelson-dev": "owned"}),
    "target group": (a_target_group, BALANCER),
    "NAT gateway": (a_nat_gateway, PULUMI),
    "elastic address": (an_address, PULUMI),
    "endpoint": (an_endpoint, PULUMI),
    "network interface": (an_interface, {"kubernetes.io/cluster/keelson-dev": "owned"}),
    "security group": (a_security_group, BALANCER),
    "VPC": (a_network, PULUMI),
    "database snapshot": (a_database_snapshot, PULUMI),
    "key": (a_key, PULUMI),
    "secret": (
        a_secret,
        {"aws:rds:primaryDBInstanceArn": f"arn:aws:rds:us-east-1:{ACCOUNT}:db:keelson-dev-postgres"},
    ),
    "ec2:subnet": (a_tagged_subnet, PULUMI),
}


def a_named_cluster(aws: Any, name: str) -> str:
    trust, network = f"arn:aws:iam::{ACCOUNT}:role/any", {"subnetIds": []}
    aws("eks").create_cluster(name=name, roleArn=trust, resourcesVpcConfig=network, version="1.36")
    return name


def a_named_database(aws: Any, name: str) -> str:
    an_instance(aws, f"{name}-postgres")
    return f"{name}-postgres"


def a_named_bucket(aws: Any, name: str) -> str:
    bucket, s3 = f"{name}-data-{ACCOUNT}-us-east-1", aws("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"old", b"newer"):
        s3.put_object(Bucket=bucket, Key="trips", Body=body)
    s3.delete_object(Bucket=bucket, Key="trips")
    return bucket


def a_named_repository(aws: Any, name: str) -> str:
    aws("ecr").create_repository(repositoryName=f"{name}/serving")
    return f"{name}/serving"


def a_named_alias(aws: Any, name: str) -> str:
    aws("kms").create_alias(AliasName=f"alias/{name}-stack", TargetKeyId=a_key(aws, {}))
    return f"alias/{name}-stack"


def a_named_log_group(aws: Any, name: str) -> str:
    aws("logs").create_log_group(logGroupName=f"/aws/eks/{name}/cluster")
    return f"/aws/eks/{name}/cluster"


def a_named_queue(aws: Any, name: str) -> str:
    aws("sqs").create_queue(QueueName=f"{name}-interruptions")
    return f"{name}-interruptions"


def a_named_rule(aws: Any, name: str) -> str:
    aws("events").put_rule(Name=f"{name}-karpenter-spot", EventPattern='{"source": ["aws.ec2"]}')
    return f"{name}-karpenter-spot"


def a_named_role(aws: Any, name: str) -> str:
    aws("iam").create_role(RoleName=f"{name}-node", Path="/keelson/", AssumeRolePolicyDocument="{}")
    return f"{name}-node"


def a_named_profile(aws: Any, name: str) -> str:
    tags = as_list({f"kubernetes.io/cluster/{name}": "owned"})
    aws("iam").create_instance_profile(InstanceProfileName=f"{name}_1234", Tags=tags)
    return f"{name}_1234"


def a_named_budget(aws: Any, name: str) -> str:
    limit = {"Amount": "100", "Unit": "USD"}
    budget = {"BudgetName": f"{name}-monthly", "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"}
    aws("budgets").create_budget(AccountId=ACCOUNT, Budget=budget)
    return f"{name}-monthly"


# What the sweep goes by the name of: kind → how one is made whose name begins with that of a cluster.
BY_NAME: dict[str, Callable[[Any, str], str]] = {
    "cluster": a_named_cluster,
    "database": a_named_database,
    "bucket": a_named_bucket,
    "image repository": a_named_repository,
    "key alias": a_named_alias,
    "log group": a_named_log_group,
    "queue": a_named_queue,
    "event rule": a_named_rule,
    "role": a_named_role,
    "instance profile": a_named_profile,
    "budget": a_named_budget,
}


@dataclass(frozen=True)
class Planted:
    """IDs of what was planted, by kind, and what the sweep found."""

    own: Mapping[str, str]
    foreign: Mapping[str, tuple[str, ...]]
    found: Sweep


@pytest.fixture(scope="module")
def planted(empty_account: "Callable[[], AbstractContextManager[Clients]]", a_stack: "StackBuilder") -> Planted:
    """An account with one of each kind of the stack's, and several of each of others."""
    with empty_account() as aws:
        own = {kind: plant(aws, tags) for kind, (plant, tags) in BY_TAG.items()}
        own |= {kind: plant(aws, "keelson-dev") for kind, plant in BY_NAME.items()}
        foreign = {kind: tuple(plant(aws, tags) for tags in FOREIGN) for kind, (plant, _) in BY_TAG.items()}
        foreign |= {kind: tuple(plant(aws, name) for name in OTHER_NAMES) for kind, plant in BY_NAME.items()}
        found = search(a_stack(), Account("us-east-1"), ACCOUNT, prices(), lambda subject: None)
    return Planted(own, foreign, found)


class Garden:
    """Plants single resources: ``garden("machine", tags)``, ``garden("bucket", "keelson-dev")``."""

    def __init__(self, aws: Any) -> None:
        self._aws = aws

    def __call__(self, kind: str, tags_or_name: Any) -> str:
        if kind in BY_TAG:
            return BY_TAG[kind][0](self._aws, tags_or_name)
        return BY_NAME[kind](self._aws, tags_or_name)

    def network(self, tags: Tags) -> str:
        """A subnet; returns its ID."""
        return a_subnet(self._aws, tags)["SubnetId"]


@pytest.fixture
def garden(aws: Any) -> Garden:
    return Garden(aws)
