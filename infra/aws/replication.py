"""Copies of buckets in a second region."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws.naming import cloud_name
from infra.aws.policy import Statement, document, trusted_service


@dataclass(frozen=True, kw_only=True)
class Target:
    """One bucket and its copy."""

    source: pulumi.Input[str]
    source_arn: pulumi.Input[str]
    copy_arn: pulumi.Input[str]


class Replication(pulumi.ComponentResource):
    """The role that copies, and the copies' key in their region.

    Attributes:
        key: ARN of the copies' KMS key.
    """

    key: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        account_id: pulumi.Input[str],
        region: str,
        source_key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Replication", name, None, opts)
        self._name, self._source_key = name, source_key
        self._child = pulumi.ResourceOptions(parent=self)
        self._targets: list[Target] = []
        made = aws.kms.Key(
            f"{name}-key",
            description=f"Keelson: copies of buckets in {region}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            region=region,
            policy=document(
                Statement(
                    sid="AccountAdministersKey",
                    actions=["kms:*"],
                    resources=["*"],
                    principals={"AWS": [pulumi.Output.concat("arn:aws:iam::", account_id, ":root")]},
                )
            ),
            opts=self._child,
        )
        self.key = made.arn
        self._role = aws.iam.Role(
            f"{name}-role",
            name=cloud_name("replication"),
            path="/keelson/",
            permissions_boundary=pulumi.Output.concat("arn:aws:iam::", account_id, ":policy/keelson-boundary"),
            assume_role_policy=trusted_service("s3.amazonaws.com"),
            opts=self._child,
        )
        self.register_outputs({"key": self.key})

    def copy(self, purpose: str, target: Target, *, needs: Sequence[pulumi.Resource]) -> None:
        """Copy everything new in ``target.source``; ``needs`` are the versionings without which S3 refuses."""
        self._targets.append(target)
        aws.s3.BucketReplicationConfig(
            f"{self._name}-{purpose}",
            bucket=target.source,
            role=self._role.arn,
            rules=[
                {
                    "id": "everything",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "delete_marker_replication": {"status": "Enabled"},
                    "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                    "destination": {
                        "bucket": target.copy_arn,
                        "storage_class": "STANDARD_IA",
                        "encryption_configuration": {"replica_kms_key_id": self.key},
                    },
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(needs)),
        )

    def grant(self) -> None:
        """Give the role what the copies declared so far need."""
        sources = [one.source_arn for one in self._targets]
        aws.iam.RolePolicy(
            f"{self._name}-policy",
            role=self._role.name,
            policy=document(
                Statement(
                    sid="ReadSources",
                    actions=["s3:GetReplicationConfiguration", "s3:ListBucket"],
                    resources=sources,
                ),
                Statement(
                    sid="ReadSourceObjects",
                    actions=[
                        "s3:GetObjectVersionForReplication",
                        "s3:GetObjectVersionAcl",
                        "s3:GetObjectVersionTagging",
                    ],
                    resources=[pulumi.Output.concat(arn, "/*") for arn in sources],
                ),
                Statement(
                    sid="WriteCopies",
                    actions=["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                    resources=[pulumi.Output.concat(one.copy_arn, "/*") for one in self._targets],
                ),
                Statement(sid="OpenSources", actions=["kms:Decrypt"], resources=[self._source_key]),
                Statement(sid="SealCopies", actions=["kms:Encrypt", "kms:GenerateDataKey"], resources=[self.key]),
            ),
            opts=self._child,
        )
