"""Everything that keeps data encrypts it with a key of this account."""

from collections.abc import Iterator, Mapping

from infra.policies.resource import Finding, Resource, Stack, lookup, many, may_be, may_hold
from infra.policies.rule import Severity, rule, stack_rule

_DATABASES = ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster")
_KEY = "the ARN of a KMS key of this stack"


@stack_rule(source="Security Hub S3.17; data at rest under a key that can be withdrawn", severity=Severity.HIGH)
def bucket_encrypted_with_kms(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every bucket encrypts its objects with a KMS key by default."""
    wanted = "aws:kms with kmsMasterKeyId, in a BucketServerSideEncryptionConfiguration"
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    path = "rules.0.applyServerSideEncryptionByDefault"
    for bucket in stack.of_type("aws:s3/bucket:Bucket"):
        settings = stack.companions(bucket, kind, "bucket", "bucket", "id")
        if not settings:
            yield bucket, Finding("server-side encryption", None, wanted)
        for one in settings:
            if not may_be(one.get(f"{path}.sseAlgorithm"), "aws:kms", "aws:kms:dsse"):
                yield one, Finding(f"{path}.sseAlgorithm", one.get(f"{path}.sseAlgorithm"), wanted)
            else:
                for finding in one.must_have(f"{path}.kmsMasterKeyId", _KEY):
                    yield one, finding


@rule(source="Security Hub RDS.3", severity=Severity.HIGH, types=_DATABASES)
def database_encrypted(resource: Resource) -> Iterator[Finding]:
    """A database's storage, its master secret and its recorded queries are encrypted with a KMS key."""
    yield from resource.must_be("storageEncrypted", True)
    yield from resource.must_have("kmsKeyId", _KEY)
    if resource.get("manageMasterUserPassword"):
        yield from resource.must_have("masterUserSecretKmsKeyId", _KEY)
    if resource.get("performanceInsightsEnabled"):
        yield from resource.must_have("performanceInsightsKmsKeyId", _KEY)


@rule(
    source="passwords and rows cross the network",
    severity=Severity.HIGH,
    types=("aws:rds/parameterGroup:ParameterGroup",),
)
def database_transport_encrypted(resource: Resource) -> Iterator[Finding]:
    """A database refuses connections without TLS."""
    family = resource.get("family")
    if not isinstance(family, str):
        return
    name = "rds.force_ssl" if family.startswith("postgres") else "require_secure_transport"
    given = [one for one in many(resource.get("parameters")) if may_be(lookup(one, "name"), name)]
    if not any(may_be(lookup(one, "value"), "1", "ON") for one in given):
        yield Finding(f"parameters.{name}", lookup(given[0], "value") if given else None, "'1'")


@rule(
    source="Security Hub EC2.3, EFS.1; disks keep data, images and secrets of pods",
    severity=Severity.HIGH,
    types=(
        "aws:ebs/volume:Volume",
        "aws:efs/fileSystem:FileSystem",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/instance:Instance",
        "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass",
        "kubernetes:storage.k8s.io/v1:StorageClass",
    ),
    brought=True,
)
def volume_encrypted(resource: Resource) -> Iterator[Finding]:
    """Every disk is encrypted: volumes, file systems, machines' own disks, and what a storage class makes."""
    if resource.kind == "StorageClass":
        if resource.get("provisioner") == "ebs.csi.aws.com":
            yield from resource.must_be("parameters.encrypted", "true")
    elif resource.kind == "Instance":
        if not resource.get("launchTemplate"):
            yield from resource.must_be("rootBlockDevice.encrypted", True)
    elif resource.kind in ("LaunchTemplate", "EC2NodeClass"):
        path = "spec.blockDeviceMappings" if resource.kind == "EC2NodeClass" else "blockDeviceMappings"
        disks = many(resource.get(path))
        if not disks:
            yield Finding(path, None, "the root disk, encrypted")
        for number in range(len(disks)):
            yield from resource.must_be(f"{path}.{number}.ebs.encrypted", True, "true")
    else:
        yield from resource.must_be("encrypted", True)


@rule(
    source="Security Hub SQS.1, EFS.1; what is under AWS's own key stays open when ours is withdrawn",
    severity=Severity.MEDIUM,
    types=(
        "aws:ebs/volume:Volume",
        "aws:efs/fileSystem:FileSystem",
        "aws:sqs/queue:Queue",
        "aws:sns/topic:Topic",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:secretsmanager/secret:Secret",
        "aws:ecr/repository:Repository",
    ),
)
def store_encrypted_with_kms(resource: Resource) -> Iterator[Finding]:
    """Volumes, file systems, queues, topics, logs, secrets and images are encrypted with a KMS key."""
    if resource.kind == "Repository":
        yield from resource.must_be("encryptionConfigurations.0.encryptionType", "KMS")
        yield from resource.must_have("encryptionConfigurations.0.kmsKey", _KEY)
        return
    path = "kmsMasterKeyId" if resource.kind in ("Queue", "Topic") else "kmsKeyId"
    yield from resource.must_have(path, _KEY)


@rule(source="Security Hub KMS.4", severity=Severity.MEDIUM, types=("aws:kms/key:Key",))
def key_rotated(resource: Resource) -> Iterator[Finding]:
    """A KMS key is rotated every year, and cannot be gone sooner than in a week."""
    yield from resource.must_be("enableKeyRotation", True)
    days = resource.get("deletionWindowInDays")
    if isinstance(days, int | float) and days < 7:
        yield Finding("deletionWindowInDays", days, "7 to 30")


@rule(
    source="CIS EKS 5.2-5.3 eks-secrets-encryption-kms-enabled",
    severity=Severity.HIGH,
    types=("aws:eks/cluster:Cluster",),
)
def eks_secrets_encryption_kms_enabled(resource: Resource) -> Iterator[Finding]:
    """The cluster encrypts Kubernetes Secrets with a KMS key."""
    yield from resource.must_have("encryptionConfig.provider.keyArn", _KEY)
    resources = resource.get("encryptionConfig.resources")
    if not may_hold(resources, "secrets"):
        yield Finding("encryptionConfig.resources", resources, "a list with secrets")


@stack_rule(
    source="CIS EKS 5.4 eks-load-balancer-tls-encryption; passwords and cookies cross the internet",
    severity=Severity.HIGH,
)
def eks_load_balancer_tls_encryption(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every load balancer speaks TLS; what arrives without it is sent on to the port that does."""
    for listener in stack.of_type("aws:lb/listener:Listener"):
        if listener.get("defaultActions.0.redirect.protocol") == "HTTPS":
            continue
        for finding in listener.must_be("protocol", "HTTPS", "TLS"):
            yield listener, finding
        for finding in listener.must_have("certificateArn", "the ARN of an ACM certificate"):
            yield listener, finding
    for ingress in stack.of_type("kubernetes:networking.k8s.io/v1:Ingress"):
        annotations = ingress.get("metadata.annotations")
        if isinstance(annotations, Mapping):
            yield from ((ingress, one) for one in _ingress(annotations))
        elif annotations is None:
            yield ingress, Finding("metadata.annotations", None, "certificate-arn, listen-ports and ssl-redirect")


def _ingress(annotations: Mapping[str, object]) -> Iterator[Finding]:
    prefix = "alb.ingress.kubernetes.io"
    wanted = {
        "certificate-arn": "the ARN of an ACM certificate",
        "ssl-redirect": "the HTTPS port, '443'",
        "ssl-policy": "a policy of TLS 1.2 or newer",
    }
    for key, what in wanted.items():
        if not annotations.get(f"{prefix}/{key}"):
            yield Finding(f"metadata.annotations.{prefix}/{key}", annotations.get(f"{prefix}/{key}"), what)
    ports = annotations.get(f"{prefix}/listen-ports", "")
    if isinstance(ports, str) and "HTTPS" not in ports:
        yield Finding(f"metadata.annotations.{prefix}/listen-ports", ports or None, 'a list with {"HTTPS": 443}')
