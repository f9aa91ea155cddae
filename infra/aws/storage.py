"""Object storage: buckets for data, artifacts, models and logs."""

import pulumi
import pulumi_aws as aws

from infra.aws.naming import cloud_name
from infra.aws.policy import Statement, document
from infra.aws.replication import Replication, Target

# Days after which an object moves to the infrequent-access class, and after which an overwritten version goes.
_INFREQUENT_DAYS = 30
_OLD_VERSION_DAYS = 90


class Bucket(pulumi.ComponentResource):
    """A private, encrypted, versioned bucket that refuses plain HTTP.

    Attributes:
        bucket: Name.
        id: The same, known once the bucket is there.
        arn: ARN.
        key: ARN of its KMS key, or ``None`` where AWS's own key is used.
    """

    bucket: pulumi.Output[str]
    id: pulumi.Output[str]
    arn: pulumi.Output[str]
    key: pulumi.Input[str] | None

    def __init__(
        self,
        name: str,
        *,
        bucket: pulumi.Input[str],
        key: pulumi.Input[str] | None,
        logs: "Bucket | None",
        rules: "list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]",
        protect: bool,
        statements: "list[Statement] | None" = None,
        region: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Bucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        made = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=bucket,
            force_destroy=not protect,
            region=region,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        self.bucket, self.id, self.arn, self.key = made.bucket, made.id, made.arn, key
        self._close(name, region)
        self.versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=made.id,
            versioning_configuration={"status": "Enabled"},
            region=region,
            opts=child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=made.id, rules=[_encryption(key)], region=region, opts=child
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=made.id,
            rules=rules,
            region=region,
            # S3 refuses rules about old versions before the bucket keeps them.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.versioning]),
        )
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=made.id,
            policy=document(_tls_only(made.arn), *(statements or [])),
            region=region,
            opts=child,
        )
        if logs is not None:
            aws.s3.BucketLogging(
                f"{name}-access-log",
                bucket=made.id,
                target_bucket=logs.id,
                target_prefix=f"s3/{name}/",
                region=region,
                opts=child,
            )
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})

    def _close(self, name: str, region: str | None) -> None:
        """Nobody outside of the account, and no access lists beside the policy."""
        child = pulumi.ResourceOptions(parent=self)
        aws.s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=self.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            region=region,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=self.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            region=region,
            opts=child,
        )


class Storage(pulumi.ComponentResource):
    """The four buckets of a stack, and their copies in a second region where the stack asks for them.

    Attributes:
        buckets: ``{"data": ..., "artifacts": ..., "models": ..., "logs": ...}``.
    """

    buckets: dict[str, Bucket]

    def __init__(
        self,
        name: str,
        *,
        account_id: pulumi.Input[str],
        region: str,
        key: pulumi.Input[str],
        protect: bool,
        log_days: int,
        replica_region: str | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Storage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        named = {
            purpose: pulumi.Output.concat(cloud_name(purpose), "-", account_id, f"-{region}")
            for purpose in ("data", "artifacts", "models", "logs")
        }
        logs = Bucket(
            "logs",
            bucket=named["logs"],
            # S3 and VPC flow logs deliver to a bucket with AWS's own key; a customer's key is refused for access logs.
            key=None,
            logs=None,
            rules=[_expire_everything(log_days)],
            statements=_log_delivery(named["logs"], account_id),
            protect=protect,
            opts=child,
        )
        self.buckets = {"logs": logs} | {
            purpose: Bucket(
                purpose,
                bucket=named[purpose],
                key=key,
                logs=logs,
                rules=[_expire_old_versions(), _to_infrequent_access()],
                protect=protect,
                opts=child,
            )
            for purpose in ("data", "artifacts", "models")
        }
        if replica_region is not None:
            self._replicate(account_id, replica_region, key, protect)
        self.register_outputs({})

    def _replicate(self, account_id: pulumi.Input[str], region: str, key: pulumi.Input[str], protect: bool) -> None:
        """Copies of everything but the logs, in another region."""
        sources = {purpose: self.buckets[purpose] for purpose in ("data", "artifacts", "models")}
        replication = Replication(
            "replication",
            account_id=account_id,
            region=region,
            source_key=key,
            protect=protect,
            opts=pulumi.ResourceOptions(parent=self),
        )
        copies = {
            purpose: Bucket(
                f"{purpose}-replica",
                bucket=pulumi.Output.concat(cloud_name(purpose), "-", account_id, f"-{region}"),
                key=replication.key,
                logs=None,
                rules=[_expire_old_versions()],
                protect=protect,
                region=region,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for purpose in sources
        }
        replication.copy(
            {
                purpose: Target(source=source.id, source_arn=source.arn, copy_arn=copies[purpose].arn)
                for purpose, source in sources.items()
            },
            needs=[one.versioning for one in (*sources.values(), *copies.values())],
        )


def _encryption(
    key: pulumi.Input[str] | None,
) -> "aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict":
    if key is None:
        return {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    return {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key},
        # One KMS call for many objects: without it each object read is a paid KMS request.
        "bucket_key_enabled": True,
    }


def _tls_only(arn: pulumi.Input[str]) -> Statement:
    return Statement(
        sid="DenyPlainTransport",
        effect="Deny",
        actions=["s3:*"],
        resources=[arn, pulumi.Output.concat(arn, "/*")],
        principals={"*": ["*"]},
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def _log_delivery(bucket: pulumi.Input[str], account_id: pulumi.Input[str]) -> list[Statement]:
    """S3 access logs and VPC flow logs of this account may be written, by nobody but those services."""
    arn = pulumi.Output.concat("arn:aws:s3:::", bucket)
    return [
        Statement(
            sid="AccessLogsArrive",
            actions=["s3:PutObject"],
            resources=[pulumi.Output.concat(arn, "/s3/*")],
            principals={"Service": ["logging.s3.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": account_id}},
        ),
        Statement(
            sid="FlowLogsArrive",
            actions=["s3:PutObject"],
            resources=[pulumi.Output.concat(arn, "/vpc/*")],
            principals={"Service": ["delivery.logs.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": account_id, "s3:x-amz-acl": "bucket-owner-full-control"}},
        ),
        Statement(
            sid="FlowLogsLookBucketUp",
            actions=["s3:GetBucketAcl"],
            resources=[arn],
            principals={"Service": ["delivery.logs.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": account_id}},
        ),
    ]


def _expire_everything(days: int) -> "aws.s3.BucketLifecycleConfigurationRuleArgsDict":
    return {
        "id": "expire",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": days},
        "noncurrent_version_expiration": {"noncurrent_days": 1},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
    }


def _expire_old_versions() -> "aws.s3.BucketLifecycleConfigurationRuleArgsDict":
    return {
        "id": "old-versions",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrent_version_expiration": {"noncurrent_days": _OLD_VERSION_DAYS},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        "expiration": {"expired_object_delete_marker": True},
    }


def _to_infrequent_access() -> "aws.s3.BucketLifecycleConfigurationRuleArgsDict":
    # Objects under 128 KB stay where they are: the other class bills them as 128 KB.
    return {
        "id": "infrequent-access",
        "status": "Enabled",
        "filter": {"object_size_greater_than": 131072},
        "transitions": [{"days": _INFREQUENT_DAYS, "storage_class": "STANDARD_IA"}],
    }
