"""Everything can be found again: by budgets, cost reports and the sweep after a teardown."""

from collections.abc import Iterator

from infra.policies.allowed import TAGS
from infra.policies.resource import Finding, Resource, Unknown, lookup, many, may_be, shown
from infra.policies.rule import Severity, rule

_NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
_SCALING_GROUP = "aws:autoscaling/group:Group"
# Types that take tags. A test holds the list to what pulumi-aws says of each type in the program.
TAGGABLE = (
    "aws:acm/certificate:Certificate",
    "aws:budgets/budget:Budget",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ebs/snapshot:Snapshot",
    "aws:ebs/volume:Volume",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/eip:Eip",
    "aws:ec2/flowLog:FlowLog",
    "aws:ec2/instance:Instance",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:eks/accessEntry:AccessEntry",
    "aws:eks/addon:Addon",
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:lb/listener:Listener",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)


@rule(
    source="without tags neither the budget nor the sweep after a teardown finds it",
    severity=Severity.MEDIUM,
    types=(*TAGGABLE, _SCALING_GROUP, _NODE_CLASS),
)
def tags_present(resource: Resource) -> Iterator[Finding]:
    """Everything that takes tags has those of project, stack and tool; Karpenter's nodes too."""
    path = "spec.tags" if resource.type == _NODE_CLASS else "tags"
    given = resource.get(path)
    if isinstance(given, Unknown):
        return
    if resource.type == _SCALING_GROUP:
        given = {lookup(one, "key"): lookup(one, "value") for one in many(given) if lookup(one, "propagateAtLaunch")}
    for key, values in TAGS.items():
        value = (given or {}).get(key)
        allowed = [one.replace("<stack>", resource.stack) for one in values]
        if not may_be(value, *allowed):
            yield Finding(f"{path}.{key}", value, " or ".join(map(shown, allowed)))
