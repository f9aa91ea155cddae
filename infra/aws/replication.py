"""Copies of buckets in a second region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws.policy import Statement, document, trusted_service
from infra.aws.roles import Role


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
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Replication", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._source_key, self._region = source_key, region
        made = aws.kms.Key(
            f"{name}-key",
            description=f"Keelson: copies of buckets in {region}",
            enable_key_rotation=True,
            deletion_window_in_days=30 if protect else 7,
            region=region,
            policy=document(
                Statement(
                    sid="AccountAdministersKey",
                    actions=["kms:*"],
                    resources=["*"],
                    principals={"AWS": [pulumi.Output.concat("arn:aws:iam::", account_id, ":root")]},
                )
            ),
            # Without it the copies cannot be read.
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        self.key = made.arn
        self._name, self._child, self._account_id = name, child, account_id
        self.register_outputs({"key": self.key})

    def copy(self, targets: Mapping[str, Target], *, needs: Sequence[pulumi.Resource]) -> None:
        """Copy everything new in each target's source, by purpose; ``needs`` are the versionings, or S3 refuses."""
        role = Role(
            self._name,
            account_id=self._account_id,
            trust=trusted_service("s3.amazonaws.com"),
            description=f"S3 copies buckets to {self._region}",
            statements=self._rights(list(targets.values())),
            opts=self._child,
        )
        for purpose, target in targets.items():
            aws.s3.BucketReplicationConfig(
                f"{self._name}-{purpose}",
                bucket=target.source,
                role=role.arn,
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

    def _rights(self, targets: Sequence[Target]) -> list[Statement]:
        sources = [one.source_arn for one in targets]
        return [
            Statement(
                sid="ReadSources", actions=["s3:GetReplicationConfiguration", "s3:ListBucket"], resources=sources
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
                resources=[pulumi.Output.concat(one.copy_arn, "/*") for one in targets],
            ),
            Statement(sid="OpenSources", actions=["kms:Decrypt"], resources=[self._source_key]),
            Statement(sid="SealCopies", actions=["kms:Encrypt", "kms:GenerateDataKey"], resources=[self.key]),
        ]
