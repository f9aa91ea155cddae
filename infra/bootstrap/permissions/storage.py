"""Buckets ``keelson-<stack>-*`` and the stack's KMS keys."""

from infra.bootstrap.permissions.scope import Permission, Scope

_BUCKET_CHANGES = (
    "CreateBucket DeleteBucketPolicy PutBucketAcl PutBucketLogging PutBucketOwnershipControls PutBucketPolicy "
    "PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning PutEncryptionConfiguration "
    "PutLifecycleConfiguration PutReplicationConfiguration"
).split()
# Only where a stack may be taken down with its data.
_BUCKET_DELETES = "DeleteBucket DeleteObject DeleteObjectVersion ListBucketVersions ListBucketMultipartUploads".split()
_KEY_READS = "DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags".split()
_KEY_CHANGES = (
    "CancelKeyDeletion DisableKey EnableKey EnableKeyRotation PutKeyPolicy TagResource UntagResource "
    "UpdateKeyDescription"
).split()
_KEY_USES = "Decrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo".split()


def reads(scope: Scope) -> list[Permission]:
    return [
        Permission(
            sid="ReadsBuckets",
            actions=[
                "s3:GetAccelerateConfiguration",
                "s3:GetBucket*",
                "s3:GetEncryptionConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetReplicationConfiguration",
                "s3:ListBucket",
            ],
            resources=[_buckets(scope)],
        ),
        Permission(sid="ReadsKeys", actions=["kms:ListAliases", "kms:ListKeys"], resources=["*"]),
        Permission(
            sid="ReadsKey",
            actions=[f"kms:{one}" for one in _KEY_READS],
            resources=[scope.arn("kms", "key/*")],
            conditions={"StringEquals": {"aws:ResourceTag/project": scope.owned["aws:ResourceTag/project"]}},
        ),
    ]


def writes(scope: Scope) -> list[Permission]:
    deletes = [] if scope.protected else [f"s3:{one}" for one in _BUCKET_DELETES]
    ends = [] if scope.protected else ["kms:ScheduleKeyDeletion"]
    keys, owned = [scope.arn("kms", "key/*")], {"StringEquals": scope.owned}
    return [
        Permission(
            sid="ChangesBuckets",
            actions=[*(f"s3:{one}" for one in _BUCKET_CHANGES), *deletes],
            resources=[_buckets(scope), *([] if scope.protected else [f"{_buckets(scope)}/*"])],
        ),
        Permission(
            sid="MakesKeys",
            actions=["kms:CreateKey", "kms:TagResource"],
            resources=["*"],
            conditions={"StringEquals": scope.asked},
        ),
        Permission(
            sid="ChangesKeys",
            actions=[*(f"kms:{one}" for one in _KEY_CHANGES), *ends],
            resources=keys,
            conditions=owned,
        ),
        # An alias takes the right to itself and to its key.
        Permission(
            sid="NamesKeys",
            actions=["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"],
            resources=[scope.arn("kms", f"alias/{scope.prefix}-*")],
        ),
        Permission(
            sid="NamesOwnKeys",
            actions=["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"],
            resources=keys,
            conditions=owned,
        ),
        # Services encrypt in the name of whoever makes the resource: a database, a volume, a secret, a repository.
        Permission(sid="UsesKeys", actions=[f"kms:{one}" for one in _KEY_USES], resources=keys, conditions=owned),
        Permission(
            sid="GrantsKeys",
            actions=["kms:CreateGrant", "kms:RetireGrant", "kms:RevokeGrant", "kms:ListGrants"],
            resources=keys,
            conditions={**owned, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]


def _buckets(scope: Scope) -> str:
    return f"arn:aws:s3:::{scope.prefix}-*"
