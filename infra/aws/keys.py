"""KMS keys: one for the whole stack, or one for each purpose."""

import pulumi
import pulumi_aws as aws

from infra.aws.naming import cloud_name
from infra.aws.policy import Statement, document

PURPOSES = ("storage", "cluster", "database")


class Keys(pulumi.ComponentResource):
    """Customer-managed keys, rotated yearly.

    Attributes:
        storage: ARN of the key of buckets and image repositories.
        cluster: ARN of the key of Kubernetes secrets, disks and logs.
        database: ARN of the key of databases, queues and their secrets.
    """

    storage: pulumi.Output[str]
    cluster: pulumi.Output[str]
    database: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        account_id: pulumi.Input[str],
        region: str,
        per_purpose: bool,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Keys", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, protect=protect)
        made: dict[str, pulumi.Output[str]] = {}
        for purpose in PURPOSES if per_purpose else ("stack",):
            key = aws.kms.Key(
                f"{name}-{purpose}",
                description=f"Keelson: {purpose}",
                enable_key_rotation=True,
                # The longest: time to notice that something encrypted is still needed.
                deletion_window_in_days=30 if protect else 7,
                policy=_policy(account_id, region),
                opts=child,
            )
            aws.kms.Alias(
                f"{name}-{purpose}-alias",
                name=f"alias/{cloud_name(purpose)}",
                target_key_id=key.key_id,
                opts=pulumi.ResourceOptions(parent=self),
            )
            made[purpose] = key.arn
        self.storage = made.get("storage", made.get("stack"))  # pyright: ignore[reportAttributeAccessIssue]
        self.cluster = made.get("cluster", self.storage)
        self.database = made.get("database", self.storage)
        self.register_outputs({})


def _policy(account_id: pulumi.Input[str], region: str) -> pulumi.Output[str]:
    account = pulumi.Output.concat("arn:aws:iam::", account_id)
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey"]
    use += ["kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"]
    through_ec2 = {"StringEquals": {"kms:CallerAccount": account_id, "kms:ViaService": f"ec2.{region}.amazonaws.com"}}
    return document(
        Statement(
            sid="AccountAdministersKey",
            actions=["kms:*"],
            resources=["*"],
            principals={"AWS": [pulumi.Output.concat(account, ":root")]},
        ),
        Statement(
            sid="LogsUseKey",
            actions=use,
            resources=["*"],
            principals={"Service": [f"logs.{region}.amazonaws.com"]},
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": pulumi.Output.concat(
                        f"arn:aws:logs:{region}:", account_id, ":log-group:*"
                    )
                }
            },
        ),
        # EventBridge puts Karpenter's interruption notices into an encrypted queue.
        Statement(
            sid="EventsSealNotices",
            actions=["kms:GenerateDataKey", "kms:Decrypt"],
            resources=["*"],
            principals={"Service": ["events.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": account_id}},
        ),
        # Encrypted disks, opened by EC2 for whoever in this account may start machines: node groups and Karpenter do.
        # Naming Auto Scaling's own role instead fails in an account that has never had a group.
        Statement(
            sid="MachinesUseKey",
            actions=use,
            resources=["*"],
            principals={"AWS": ["*"]},
            conditions=through_ec2,
        ),
        Statement(
            sid="MachinesGrantKey",
            actions=["kms:CreateGrant"],
            resources=["*"],
            principals={"AWS": ["*"]},
            conditions={**through_ec2, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    )
