"""What the bootstrap makes in an account, and what it never allows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infra.bootstrap.conftest import Program

STACKS = ("dev", "staging", "prod")
ROLES = (*(f"keelson-{job}-{stack}" for job in ("deploy", "train") for stack in STACKS), "keelson-preview")
STATE = "keelson-state-123456789012-us-east-1"
ISSUER = "token.actions.githubusercontent.com"
BOUNDARY = "arn:aws:iam::123456789012:policy/keelson-boundary"


def statements(account: Program, role: str) -> list[dict[str, Any]]:
    return [one for text in account.policies(role).values() for one in json.loads(text)["Statement"]]


def allowed(account: Program, role: str) -> set[str]:
    return {action for one in statements(account, role) if one["Effect"] == "Allow" for action in one["Action"]}


def test_everything_is_tagged_parented_and_in_the_one_account(account: Program) -> None:
    made = [one for one in account.resources if one.type.startswith("aws:")]
    assert [one.name for one in made if "keelson:bootstrap:" not in one.parent] == []
    for kind in ("aws:kms/key:Key", "aws:s3/bucket:Bucket", "aws:iam/role:Role", "aws:iam/policy:Policy"):
        assert {one.inputs.get("tags", {}).get("project") for one in account.of_type(kind)} == {"keelson"}, kind
    (provider,) = account.of_type("pulumi:providers:aws")
    assert json.loads(provider.inputs["allowedAccountIds"]) == ["123456789012"]


def test_the_state_is_private_versioned_encrypted_logged_and_protected(account: Program) -> None:
    (bucket,) = [one for one in account.of_type("aws:s3/bucket:Bucket") if one.inputs["bucket"] == STATE]
    assert bucket.protect
    assert bucket.inputs["forceDestroy"] is False

    def setting(kind: str) -> dict[str, Any]:
        token = f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}"
        (found,) = [one.inputs for one in account.of_type(token) if one.inputs["bucket"] == STATE]
        return found

    assert setting("BucketVersioning")["versioningConfiguration"] == {"status": "Enabled"}
    block = setting("BucketPublicAccessBlock")
    assert {key for key, value in block.items() if value is True} == {
        "blockPublicAcls",
        "blockPublicPolicy",
        "ignorePublicAcls",
        "restrictPublicBuckets",
    }
    (rule,) = setting("BucketServerSideEncryptionConfiguration")["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": "<state-key.arn>",
    }
    assert "aws:SecureTransport" in setting("BucketPolicy")["policy"]
    assert setting("BucketLogging")["targetBucket"] == "keelson-state-log-123456789012-us-east-1"
    (lifecycle,) = setting("BucketLifecycleConfiguration")["rules"]
    assert lifecycle["noncurrentVersionExpiration"]["noncurrentDays"] == 365
    assert "days" not in lifecycle["expiration"]


def test_the_key_turns_over_and_has_the_name_of_the_commands(account: Program) -> None:
    (key,) = account.of_type("aws:kms/key:Key")
    assert (key.inputs["enableKeyRotation"], key.protect) == (True, True)
    (alias,) = account.of_type("aws:kms/alias:Alias")
    assert (alias.inputs["name"], alias.inputs["targetKeyId"]) == ("alias/keelson-state", "<state-key.key>")
    assert account.outputs["state-url"] == f"s3://{STATE}?region=us-east-1&awssdk=v2"


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(("role", "environment"), [("keelson-deploy-{}", "{}"), ("keelson-train-{}", "{}-train")])
def test_a_stacks_role_trusts_its_environments_jobs_letter_by_letter(
    account: Program, stack: str, role: str, environment: str
) -> None:
    (jobs,) = account.trust(role.format(stack))
    assert jobs["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    assert jobs["Principal"] == {"Federated": ["<github-issuer.arn>"]}
    assert jobs["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": [
                f"repo:acme/keelson:environment:{environment.format(stack)}",
                f"repo:acme@1234/keelson@5678:environment:{environment.format(stack)}",
            ],
        }
    }


def test_the_preview_role_trusts_pull_requests_and_the_look_for_drift_alone(account: Program) -> None:
    (jobs,) = account.trust("keelson-preview")
    assert jobs["Condition"]["StringEquals"][f"{ISSUER}:sub"] == [
        "repo:acme/keelson:pull_request",
        "repo:acme/keelson:environment:drift",
        "repo:acme@1234/keelson@5678:pull_request",
        "repo:acme@1234/keelson@5678:environment:drift",
    ]


def test_operators_may_take_deploy_roles_on_and_nobody_else(run: Callable[..., Program]) -> None:
    operator = "arn:aws:iam::123456789012:role/platform"
    account = run(operators=json.dumps([operator]))
    assert [one["Principal"] for one in account.trust("keelson-deploy-dev")] == [
        {"Federated": ["<github-issuer.arn>"]},
        {"AWS": [operator]},
    ]
    assert [len(account.trust(role)) for role in ("keelson-preview", "keelson-train-dev")] == [1, 1]


def test_an_issuer_that_is_there_is_found_instead_of_made(run: Callable[..., Program]) -> None:
    account = run(oidc_provider="lookup")
    assert account.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == []
    assert account.calls == ("aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider",)
    assert account.trust("keelson-deploy-dev")[0]["Principal"] == {"Federated": ["<found.arn>"]}


def test_the_issuer_is_githubs_with_the_audience_of_aws(account: Program) -> None:
    (issuer,) = account.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert issuer.inputs["url"] == f"https://{ISSUER}"
    assert issuer.inputs["clientIdLists"] == ["sts.amazonaws.com"]


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_policies_fit_into_what_iam_takes(account: Program, role: str) -> None:
    policies = account.policies(role)
    assert 1 <= len(policies) <= 10
    assert {name: len(text) for name, text in policies.items() if len(text) > 6144} == {}
    assert len(account.named("aws:iam/role:Role", role).inputs["assumeRolePolicy"]) <= 2048


@pytest.mark.parametrize("role", ["keelson-deploy-staging", "keelson-train-staging", "keelson-preview"])
def test_the_longest_settings_still_fit_into_a_trust_policy(run: Callable[..., Program], role: str) -> None:
    subject = f"repo:{'o' * 39}@{'1' * 9}/{'r' * 60}@{'2' * 10}"
    account = run(github_subjects=json.dumps([subject] * 6))
    assert len(account.named("aws:iam/role:Role", role).inputs["assumeRolePolicy"]) <= 2048


@pytest.mark.parametrize("role", ROLES)
def test_no_role_may_do_everything_or_change_a_role_outside_the_boundary(account: Program, role: str) -> None:
    for one in statements(account, role):
        if one["Effect"] == "Deny":
            continue
        assert not {"*", "iam:*", "s3:*", "kms:*", "ec2:*"} & set(one["Action"]), one["Sid"]
        if any("Role" in action and not action.startswith(("iam:Get", "iam:List")) for action in one["Action"]):
            assert all(
                ":role/keelson/keelson-" in arn or ":role/aws-service-role/" in arn or ":instance-profile/" in arn
                for arn in one["Resource"]
            ), one["Sid"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_deploy_role_makes_and_widens_roles_only_inside_the_boundary(account: Program, stack: str) -> None:
    widening = {"iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
    found = [one for one in statements(account, f"keelson-deploy-{stack}") if widening & set(one["Action"])]
    assert [one["Condition"] for one in found] == [{"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}]
    may = allowed(account, f"keelson-deploy-{stack}")
    assert not {"iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion", "iam:CreateUser"} & may


@pytest.mark.parametrize("stack", STACKS)
def test_a_deploy_role_reaches_its_own_stack_alone(account: Program, stack: str) -> None:
    told = statements(account, f"keelson-deploy-{stack}")
    text = json.dumps([one for one in told if one["Sid"] != "TakesBundlesOver"])
    assert [other for other in STACKS if other != stack and (f"-{other}" in text or f'"{other}' in text)] == []


@pytest.mark.parametrize(("stack", "before"), [("dev", None), ("staging", "dev"), ("prod", "staging")])
def test_a_deploy_role_reads_the_bundles_of_the_environment_before(
    account: Program, stack: str, before: str | None
) -> None:
    told = [one for one in statements(account, f"keelson-deploy-{stack}") if one["Sid"] == "TakesBundlesOver"]
    found = [one["Resource"] for one in told]
    assert found == ([[f"arn:aws:ecr:*:123456789012:repository/keelson-{before}/serving"]] if before else [])
    reading = ("ecr:BatchGet", "ecr:BatchCheck", "ecr:Describe", "ecr:Get", "ecr:List")
    assert all(action.startswith(reading) for one in told for action in one["Action"])


@pytest.mark.parametrize("stack", STACKS)
def test_a_deploy_role_never_reads_a_password(account: Program, stack: str) -> None:
    assert "secretsmanager:GetSecretValue" not in allowed(account, f"keelson-deploy-{stack}")


@pytest.mark.parametrize(
    "action",
    [
        "s3:DeleteBucket",
        "s3:DeleteObjectVersion",
        "rds:DeleteDBInstance",
        "kms:ScheduleKeyDeletion",
        "ecr:DeleteRepository",
        "ec2:DeleteVolume",
    ],
)
def test_data_of_a_protected_stack_can_be_deleted_by_no_deployment(account: Program, action: str) -> None:
    assert action in allowed(account, "keelson-deploy-dev")
    assert action not in allowed(account, "keelson-deploy-prod")


def test_the_preview_role_changes_nothing(account: Program) -> None:
    reading = ("Describe", "Get", "List", "View", "BatchGet")
    others = {"kms:Decrypt"}
    may = allowed(account, "keelson-preview")
    assert {one for one in may if not one.split(":")[1].startswith(reading)} == others
    assert "secretsmanager:GetSecretValue" not in may


@pytest.mark.parametrize("stack", STACKS)
def test_a_training_role_finds_its_cluster_and_image_and_may_do_nothing_else(
    run: Callable[..., Program], stack: str
) -> None:
    account, role = run(further_regions='["eu-west-1"]'), f"keelson-train-{stack}"
    places = [f"{region}:123456789012" for region in ("us-east-1", "eu-west-1")]
    assert [(one["Effect"], one["Action"], one["Resource"]) for one in statements(account, role)] == [
        ("Allow", ["eks:DescribeCluster"], [f"arn:aws:eks:{place}:cluster/keelson-{stack}" for place in places]),
        (
            "Allow",
            ["ecr:DescribeImages"],
            [f"arn:aws:ecr:{place}:repository/keelson-{stack}/components" for place in places],
        ),
    ]
    made = account.named("aws:iam/role:Role", role).inputs
    assert (made["permissionsBoundary"], made["maxSessionDuration"]) == ("<boundary-policy.arn>", 3600)


@pytest.mark.parametrize("stack", STACKS)
def test_state_and_secrets_of_a_stack_are_opened_by_its_own_role(account: Program, stack: str) -> None:
    state = json.loads(account.policies(f"keelson-deploy-{stack}")[f"keelson-deploy-{stack}-state"])["Statement"]
    by_sid = {one["Sid"]: one for one in state}
    assert by_sid["WritesState"]["Resource"] == [f"arn:aws:s3:::{STATE}/{stack}/*"]
    assert by_sid["OpensSecrets"]["Condition"] == {"StringEquals": {"kms:EncryptionContext:stack": [stack]}}
    assert by_sid["OpensSecrets"]["Resource"] == ["<state-key.arn>"]


def test_a_deployment_keeps_to_the_regions_of_the_settings(run: Callable[..., Program]) -> None:
    account = run(region="eu-central-1", further_regions='["eu-west-1"]')
    (denial,) = [one for one in statements(account, "keelson-deploy-dev") if one["Effect"] == "Deny"]
    assert denial["Condition"] == {
        "StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1", "us-east-1"]}
    }


def test_no_workload_can_leave_the_boundary_or_read_the_state(account: Program) -> None:
    policy = json.loads(account.named("aws:iam/policy:Policy", "keelson-boundary").inputs["policy"])["Statement"]
    actions = {action for one in policy if one["Effect"] == "Allow" for action in one["Action"]}
    assert not {one for one in actions if one.startswith(("iam:", "sts:")) and "Role" in one} - {
        "iam:PassRole",
        "iam:AddRoleToInstanceProfile",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:CreateServiceLinkedRole",
    }
    denied = {one["Sid"]: one["Resource"] for one in policy if one["Effect"] == "Deny"}
    assert denied == {
        "StaysOutOfState": [f"arn:aws:s3:::{STATE}", f"arn:aws:s3:::{STATE}/*"],
        "LeavesStateLocked": ["<state-key.arn>"],
    }
