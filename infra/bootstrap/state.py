"""Where the state of all stacks lies, and the key of its secrets."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.aws.naming import PROJECT, state_bucket
from infra.aws.policy import Statement, document
from infra.aws.storage import Bucket
from infra.bootstrap.permissions.scope import Permission

ALIAS = f"alias/{PROJECT}-state"
# Old versions of the state are the way back from a broken deployment; after a year nobody goes back.
_OLD_VERSION_DAYS = 365
_ACCESS_LOG_DAYS = 365


class StateStore(pulumi.ComponentResource):
    """Private, versioned, encrypted bucket with a folder for each stack, its access log, and a key.

    The key encrypts the bucket and, with the stack's name as encryption context, the secrets in a stack's
    configuration: who may deploy one stack cannot read another's.

    Attributes:
        name: Name of the bucket.
        key: ARN of the key.
        url: What ``pulumi login`` takes, without the stack's folder.
    """

    name: str
    key: pulumi.Output[str]
    url: str

    def __init__(self, name: str, *, account_id: str, region: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keelson:bootstrap:StateStore", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.name = state_bucket(account_id, region)
        self.url = f"s3://{self.name}?region={region}&awssdk=v2"
        made = aws.kms.Key(
            f"{name}-key",
            description="Keelson: state of the stacks and the secrets in it",
            enable_key_rotation=True,
            # The longest that AWS allows: without this key no stack can be read again.
            deletion_window_in_days=30,
            policy=document(
                Statement(
                    sid="AccountAdministersKey",
                    actions=["kms:*"],
                    resources=["*"],
                    principals={"AWS": [f"arn:aws:iam::{account_id}:root"]},
                )
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        self.key = made.arn
        aws.kms.Alias(f"{name}-key-alias", name=ALIAS, target_key_id=made.key_id, opts=child)
        log_name = f"{PROJECT}-state-log-{account_id}-{region}"
        logs = Bucket(
            f"{name}-log",
            bucket=log_name,
            # S3 refuses a customer's key for access logs.
            key=None,
            logs=None,
            rules=[_expire(_ACCESS_LOG_DAYS)],
            statements=[_access_logs_arrive(log_name, account_id)],
            protect=True,
            opts=child,
        )
        Bucket(
            name, bucket=self.name, key=made.arn, logs=logs, rules=[_expire_old_versions()], protect=True, opts=child
        )
        self.register_outputs({"name": self.name, "key": self.key, "url": self.url})

    def statements(self, stacks: Sequence[str], *, write: bool) -> list[Statement]:
        """What a role needs to work on, or to read, the state of ``stacks``."""
        bucket = f"arn:aws:s3:::{self.name}"
        folders = [f"{stack}/*" for stack in stacks]
        return [
            Permission(
                sid="WritesState" if write else "ReadsState",
                actions=["s3:GetObject", *(["s3:PutObject", "s3:DeleteObject"] if write else [])],
                resources=[f"{bucket}/{folder}" for folder in folders],
            ),
            Permission(
                sid="ListsState",
                actions=["s3:ListBucket"],
                resources=[bucket],
                conditions={"StringLike": {"s3:prefix": [*stacks, *folders]}},
            ),
            Permission(sid="FindsState", actions=["s3:GetBucketLocation"], resources=[bucket]),
            Permission(
                sid="OpensState",
                actions=["kms:Decrypt", *(["kms:GenerateDataKey"] if write else [])],
                resources=[self.key],
                # S3 names the bucket in the encryption context, as bucket keys are on.
                conditions={"StringEquals": {"kms:EncryptionContext:aws:s3:arn": bucket}},
            ),
            Permission(
                sid="OpensSecrets",
                actions=["kms:Decrypt", *(["kms:Encrypt"] if write else [])],
                resources=[self.key],
                conditions={"StringEquals": {"kms:EncryptionContext:stack": list(stacks)}},
            ),
        ]


def _expire(days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    return {
        "id": "expire",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": days},
        "noncurrent_version_expiration": {"noncurrent_days": 1},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
    }


def _expire_old_versions() -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    return {
        "id": "old-versions",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrent_version_expiration": {"noncurrent_days": _OLD_VERSION_DAYS},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
        "expiration": {"expired_object_delete_marker": True},
    }


def _access_logs_arrive(bucket: str, account_id: str) -> Statement:
    return Statement(
        sid="AccessLogsArrive",
        actions=["s3:PutObject"],
        resources=[f"arn:aws:s3:::{bucket}/s3/*"],
        principals={"Service": ["logging.s3.amazonaws.com"]},
        conditions={"StringEquals": {"aws:SourceAccount": account_id}},
    )
