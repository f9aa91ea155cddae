"""What costs nothing by itself, and why."""

from collections.abc import Mapping

_NETWORK = "networks are not charged"
_SETTING = "a setting"
_IAM = "IAM is not charged"
_PODS = "its pods run on the nodes"

TYPES: Mapping[str, str] = {
    "aws:budgets/budget:Budget": "a budget that starts no action is not charged",
    "aws:cloudwatch/eventRule:EventRule": "AWS's own events are not charged",
    "aws:cloudwatch/eventTarget:EventTarget": "the rule's",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _NETWORK,
    "aws:ec2/internetGateway:InternetGateway": "traffic is charged, see NAT and data out",
    "aws:ec2/launchTemplate:LaunchTemplate": "charged with the machines that it describes",
    "aws:ec2/route:Route": _NETWORK,
    "aws:ec2/routeTable:RouteTable": _NETWORK,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _NETWORK,
    "aws:ec2/securityGroup:SecurityGroup": _NETWORK,
    "aws:ec2/subnet:Subnet": _NETWORK,
    "aws:ec2/tag:Tag": _SETTING,
    "aws:ec2/vpc:Vpc": _NETWORK,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _SETTING,
    "aws:eks/accessEntry:AccessEntry": "the cluster's",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "the cluster's",
    "aws:eks/addon:Addon": _PODS,
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "the cluster's",
    "aws:iam/role:Role": _IAM,
    "aws:iam/rolePolicy:RolePolicy": _IAM,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _IAM,
    "aws:kms/alias:Alias": "the key's",
    "aws:rds/parameterGroup:ParameterGroup": _SETTING,
    "aws:rds/subnetGroup:SubnetGroup": _SETTING,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _SETTING,
    "aws:s3/bucketLogging:BucketLogging": "stored in the logs bucket",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _SETTING,
    "aws:s3/bucketPolicy:BucketPolicy": _SETTING,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _SETTING,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _SETTING,
    "aws:s3/bucketVersioning:BucketVersioning": "old versions count as objects of the bucket",
    "aws:sqs/queue:Queue": "a long poll every 20 seconds stays under the million requests a month that are free",
    "aws:sqs/queuePolicy:QueuePolicy": _SETTING,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _NETWORK,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _NETWORK,
    "kubernetes:core/v1:ConfigMap": "the cluster's",
    "kubernetes:core/v1:LimitRange": _SETTING,
    "kubernetes:core/v1:Namespace": "the cluster's",
    "kubernetes:core/v1:PersistentVolume": "its disk is counted",
    "kubernetes:core/v1:ResourceQuota": _SETTING,
    "kubernetes:core/v1:Secret": "the cluster's",
    "kubernetes:core/v1:ServiceAccount": "the cluster's",
    "kubernetes:apps/v1:DaemonSet": _PODS,
    "kubernetes:apps/v1:Deployment": _PODS,
    "kubernetes:kustomize/v2:Directory": "its pods run on the nodes, its data are in the stack's databases and buckets",
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": "the cluster's",
}

# Groups of Kubernetes objects of which none makes anything outside the cluster.
KUBERNETES_GROUPS: Mapping[str, str] = {
    "admissionregistration.k8s.io": "the cluster's",
    "argoproj.io": _PODS,
    "autoscaling": "the pods that it adds run on machines of the stated load",
    "batch": _PODS,
    "external-secrets.io": "reading secrets costs 0.05 USD for ten thousand reads",
    "generators.external-secrets.io": "the cluster's",
    "karpenter.k8s.aws": "charged with the machines that it describes",
    "monitoring.coreos.com": "read by Prometheus in the cluster",
    "policy": _SETTING,
    "rbac.authorization.k8s.io": "the cluster's",
    "scheduling.k8s.io": _SETTING,
    "storage.k8s.io": "charged with the disks that it describes",
}


def reason(kind: str) -> str | None:
    """Why a type costs nothing by itself; ``None`` where nobody said so."""
    package, group, _ = kind.split(":")
    if kind in TYPES or package != "kubernetes":
        return TYPES.get(kind)
    return KUBERNETES_GROUPS.get(group.split("/")[0])
