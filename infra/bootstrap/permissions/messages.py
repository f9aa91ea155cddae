"""Queue, event rules, log groups, budget, and what preflight and sweep ask of the account."""

from infra.bootstrap.permissions.scope import Permission, Scope


def reads(scope: Scope) -> list[Permission]:
    return [
        Permission(
            sid="ReadsQueues",
            actions=["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"],
            resources=[_queues(scope)],
        ),
        Permission(
            sid="ReadsRules",
            actions=["events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"],
            resources=[_rules(scope)],
        ),
        Permission(sid="ReadsLogs", actions=["logs:ListTagsForResource"], resources=_logs(scope)),
        Permission(sid="ReadsLogGroups", actions=["logs:DescribeLogGroups"], resources=["*"]),
        Permission(
            sid="ReadsBudget", actions=["budgets:ListTagsForResource", "budgets:ViewBudget"], resources=[_budget(scope)]
        ),
        Permission(sid="ReadsQuotas", actions=["servicequotas:GetServiceQuota"], resources=["*"]),
        Permission(
            sid="ListsWhatIsLeft",
            actions=[
                "events:ListRules",
                "iam:ListInstanceProfiles",
                "iam:ListRoles",
                "s3:ListAllMyBuckets",
                "secretsmanager:ListSecrets",
                "sqs:ListQueues",
                "tag:GetResources",
            ],
            resources=["*"],
        ),
        Permission(
            sid="ReadsCertificate",
            actions=["acm:DescribeCertificate"],
            resources=[scope.arn("acm", "certificate/*")],
        ),
    ]


def writes(scope: Scope) -> list[Permission]:
    return [
        Permission(
            sid="ChangesQueues",
            actions=["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"],
            resources=[_queues(scope)],
        ),
        Permission(
            sid="ChangesRules",
            actions=[
                "events:DeleteRule",
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
                "events:TagResource",
                "events:UntagResource",
            ],
            resources=[_rules(scope)],
        ),
        Permission(
            sid="ChangesLogs",
            actions=[
                "logs:AssociateKmsKey",
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:DisassociateKmsKey",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            resources=_logs(scope),
        ),
        Permission(
            sid="ChangesBudget",
            actions=["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"],
            resources=[_budget(scope)],
        ),
    ]


def _queues(scope: Scope) -> str:
    return scope.arn("sqs", f"{scope.prefix}-*")


def _rules(scope: Scope) -> str:
    return scope.arn("events", f"rule/{scope.prefix}-*")


def _logs(scope: Scope) -> list[str]:
    groups = (f"/aws/eks/{scope.prefix}/*", f"/aws/rds/instance/{scope.prefix}-*")
    return [scope.arn("logs", f"log-group:{group}") for group in groups]


def _budget(scope: Scope) -> str:
    return scope.global_arn("budgets", f"budget/{scope.prefix}-*")
