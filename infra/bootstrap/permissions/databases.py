"""RDS instances, their groups and snapshots, and the secrets ``keelson/<stack>/*``."""

from infra.bootstrap.permissions.scope import Permission, Scope

_CHANGES = (
    "AddTagsToResource CreateDBInstance CreateDBParameterGroup CreateDBSnapshot CreateDBSubnetGroup "
    "DeleteDBParameterGroup DeleteDBSubnetGroup ModifyDBInstance ModifyDBParameterGroup ModifyDBSubnetGroup "
    "RebootDBInstance RemoveTagsFromResource ResetDBParameterGroup RestoreDBInstanceFromDBSnapshot "
    "RestoreDBInstanceToPointInTime StartDBInstance StopDBInstance"
).split()
_SECRET_READS = "DescribeSecret GetResourcePolicy ListSecretVersionIds".split()
# No reading of values: those who deploy do not see passwords.
_SECRET_CHANGES = (
    "CancelRotateSecret CreateSecret DeleteSecret RestoreSecret TagResource UntagResource UpdateSecret"
).split()


def reads(scope: Scope) -> list[Permission]:
    return [
        Permission(
            sid="ReadsDatabases",
            actions=["rds:Describe*", "rds:ListTagsForResource"],
            resources=["*"],
        ),
        Permission(
            sid="ReadsSecrets",
            actions=[f"secretsmanager:{one}" for one in _SECRET_READS],
            resources=[_secrets(scope)],
        ),
    ]


def writes(scope: Scope) -> list[Permission]:
    deletes = [] if scope.protected else ["rds:DeleteDBInstance", "rds:DeleteDBInstanceAutomatedBackup"]
    kinds = ("auto-backup", "db", "pg", "snapshot", "subgrp")
    return [
        Permission(
            sid="ChangesDatabases",
            actions=[*(f"rds:{one}" for one in _CHANGES), *deletes],
            resources=[
                *(scope.arn("rds", f"{kind}:{scope.prefix}-*") for kind in kinds),
                # RDS names the engine's default groups as well; a major upgrade goes through them.
                scope.arn("rds", "og:default:*"),
                scope.arn("rds", "pg:default.*"),
            ],
        ),
        Permission(
            sid="ChangesSecrets",
            actions=[f"secretsmanager:{one}" for one in _SECRET_CHANGES],
            resources=[_secrets(scope)],
        ),
        # RDS keeps the master password in a secret of its own, made in our name.
        Permission(
            sid="LetsDatabasesKeepPasswords",
            actions=[
                "secretsmanager:CreateSecret",
                "secretsmanager:DescribeSecret",
                "secretsmanager:RotateSecret",
                "secretsmanager:TagResource",
            ],
            resources=[scope.arn("secretsmanager", "secret:rds!*")],
        ),
    ]


def _secrets(scope: Scope) -> str:
    return scope.arn("secretsmanager", f"secret:keelson/{scope.stack}/*")
