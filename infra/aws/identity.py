"""IAM roles of pods and people, each built from one row of a table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.apps.access import ACCESS, READ, WRITE, Access, BucketGrant
from infra.aws.policy import Statement, document, trusted_pod
from infra.aws.roles import Role
from infra.aws.storage import Bucket


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What the rows' short names stand for.

    Attributes:
        buckets: By purpose: ``data``, ``artifacts``, ``models``, ``logs``.
        secrets: ARNs by short name; names that this stack does not have are left out of a role.
        secrets_key: ARN of the key of the secrets.
        repositories: ARNs of image repositories, by short name.
    """

    buckets: Mapping[str, Bucket]
    secrets: Mapping[str, pulumi.Input[str]]
    secrets_key: pulumi.Input[str]
    repositories: Mapping[str, pulumi.Input[str]]


class PodIdentities(pulumi.ComponentResource):
    """One role and one Pod Identity association for each row of ``infra/apps/access.py``."""

    def __init__(
        self,
        name: str,
        *,
        cluster: pulumi.Input[str],
        cluster_arn: pulumi.Input[str],
        account_id: pulumi.Input[str],
        reach: Reach,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:PodIdentities", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for access in ACCESS:
            made = Role(
                f"pod-{access.service_account}",
                account_id=account_id,
                trust=trusted_pod(access.namespace, access.service_account, cluster_arn),
                description=f"{access.namespace}/{access.service_account}: {access.why}",
                statements=statements(access, reach),
                opts=child,
            )
            aws.eks.PodIdentityAssociation(
                f"pod-{access.service_account}-identity",
                cluster_name=cluster,
                namespace=access.namespace,
                service_account=access.service_account,
                role_arn=made.arn,
                opts=child,
            )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class Persona:
    """What one role of people may do in AWS; what they may do in the cluster stands in ``infra/apps/roles.py``."""

    name: str
    why: str
    buckets: tuple[BucketGrant, ...] = ()
    push_images: bool = False


PERSONAS: tuple[Persona, ...] = (
    Persona(
        name="data-scientist",
        why="experiments on the data, without changing it",
        buckets=(
            BucketGrant(bucket="data", prefix="", actions=READ),
            BucketGrant(bucket="artifacts", prefix="mlflow/", actions=WRITE),
        ),
    ),
    Persona(
        name="ml-engineer",
        why="pipelines, models and bundles",
        buckets=(
            BucketGrant(bucket="data", prefix="", actions=READ),
            BucketGrant(bucket="artifacts", prefix="", actions=WRITE),
            BucketGrant(bucket="models", prefix="", actions=WRITE),
        ),
        push_images=True,
    ),
    Persona(
        name="data-engineer",
        why="the data and its features",
        buckets=(BucketGrant(bucket="data", prefix="", actions=WRITE),),
    ),
    Persona(
        name="platform-engineer",
        why="the platform and its logs; changes go through the deploy role",
        buckets=(BucketGrant(bucket="logs", prefix="", actions=READ),),
    ),
    Persona(
        name="reviewer",
        why="reads models and their records",
        buckets=(
            BucketGrant(bucket="artifacts", prefix="mlflow/", actions=READ),
            BucketGrant(bucket="models", prefix="", actions=READ),
        ),
    ),
)


class PeopleRoles(pulumi.ComponentResource):
    """IAM roles that the people of a team take on; only those that the stack names principals for.

    Attributes:
        arns: ``{"data-scientist": ...}``.
    """

    arns: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        *,
        principals: Mapping[str, tuple[str, ...]],
        account_id: pulumi.Input[str],
        cluster_arn: pulumi.Input[str],
        reach: Reach,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:PeopleRoles", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.arns = {}
        for persona in PERSONAS:
            if not principals[persona.name]:
                continue
            trust = document(
                Statement(
                    sid="PeopleTakeRole",
                    actions=["sts:AssumeRole", "sts:SetSourceIdentity"],
                    principals={"AWS": list(principals[persona.name])},
                )
            )
            rights = [*_buckets(persona.buckets, reach), _enters(cluster_arn)]
            if persona.push_images:
                rights += _pushes(reach.repositories)
            self.arns[persona.name] = Role(
                persona.name,
                account_id=account_id,
                trust=trust,
                description=f"{persona.name}: {persona.why}",
                statements=rights,
                opts=child,
            ).arn
        self.register_outputs({})


def statements(access: Access, reach: Reach) -> list[Statement]:
    """The policy of one service account."""
    rights = _buckets(access.buckets, reach)
    for i, grant in enumerate(access.secrets):
        arns = [reach.secrets[name] for name in grant.names if name in reach.secrets]
        rights.append(Statement(sid=f"Secrets{i or ''}", actions=list(grant.actions), resources=arns))
    if access.secrets:
        writes = any("secretsmanager:PutSecretValue" in grant.actions for grant in access.secrets)
        actions = ["kms:Decrypt", *(["kms:GenerateDataKey"] if writes else [])]
        rights.append(Statement(sid="SecretsKey", actions=actions, resources=[reach.secrets_key]))
    if access.images:
        resources = [reach.repositories[name] for name in access.images]
        rights.append(Statement(sid="ImageDigests", actions=["ecr:DescribeImages"], resources=resources))
    return rights


def _buckets(grants: tuple[BucketGrant, ...], reach: Reach) -> list[Statement]:
    rights = []
    for grant in grants:
        bucket = reach.buckets[grant.bucket]
        sid = "".join(part.title() for part in re.split(r"[/_]", f"{grant.bucket}/{grant.prefix}") if part)
        rights.append(
            Statement(
                sid=f"{sid}Objects",
                actions=list(grant.actions),
                resources=[pulumi.Output.concat(bucket.arn, f"/{grant.prefix}*")],
            )
        )
        rights.append(
            Statement(
                sid=f"{sid}List",
                actions=["s3:ListBucket"],
                resources=[bucket.arn],
                conditions={"StringLike": {"s3:prefix": [f"{grant.prefix}*"]}} if grant.prefix else {},
            )
        )
    if grants:
        # It has no prefix that a condition could look at.
        places = [reach.buckets[name].arn for name in sorted({grant.bucket for grant in grants})]
        rights.append(Statement(sid="BucketsLocation", actions=["s3:GetBucketLocation"], resources=places))
    keys = {grant.bucket: reach.buckets[grant.bucket].key for grant in grants}
    writes = any("s3:PutObject" in grant.actions for grant in grants)
    found = [key for key in keys.values() if key is not None]
    if found:
        actions = ["kms:Decrypt", *(["kms:GenerateDataKey"] if writes else [])]
        # All buckets share the storage key: once is enough.
        rights.append(Statement(sid="BucketsKey", actions=actions, resources=found[:1]))
    return rights


def _enters(cluster_arn: pulumi.Input[str]) -> Statement:
    return Statement(sid="FindsCluster", actions=["eks:DescribeCluster"], resources=[cluster_arn])


def _pushes(repositories: Mapping[str, pulumi.Input[str]]) -> list[Statement]:
    return [
        Statement(sid="PeopleReadRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(
            sid="PushesImages",
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:GetDownloadUrlForLayer",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            resources=list(repositories.values()),
        ),
    ]
