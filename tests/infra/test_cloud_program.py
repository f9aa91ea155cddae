"""The whole program of each cloud stack, as Pulumi would be asked to make it: nothing is deployed.

The tests stand in one file because they share one recording of each stack, which takes seconds to make.
"""

import asyncio
import contextvars
import functools
import json
import runpy
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks
from pulumi.runtime.config import set_all_config
from pulumi.runtime.stack import run_pulumi_func

from infra.apps.access import ACCESS
from infra.aws.policy import WILDCARD_REASONS
from infra.render.engine import ROOT, record
from infra.render.recording import Recording, Resource
from infra.settings import STACKS

recorded = functools.cache(record)
every_stack = pytest.mark.parametrize("stack", STACKS)

PAGES = {
    "keelson:sign-in": json.dumps(
        {
            "domain": "keelson.example.com",
            "certificate-arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
            "issuer": "https://id.example.com",
            "client-id": "keelson",
            "email-domain": "example.com",
        }
    )
}


@functools.cache
def with_pages() -> Recording:
    return record("prod", PAGES)


def policies(recording: Recording) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Each statement of each policy, with the resource that holds it."""
    for resource in recording.of_package("aws"):
        for key, value in resource.inputs.items():
            if key in ("policy", "assumeRolePolicy"):
                for statement in json.loads(value).get("Statement", []):
                    yield resource, statement


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


@every_stack
def test_two_recordings_of_a_stack_are_equal(stack: str) -> None:
    assert record(stack) == recorded(stack)


@every_stack
def test_logical_names_are_unique_so_that_a_placeholder_names_one_resource(stack: str) -> None:
    names = [one.name for one in recorded(stack).of_package("aws")]
    assert sorted(names) == sorted(set(names))


@every_stack
def test_everything_hangs_below_a_component(stack: str) -> None:
    components = {one.urn for one in recorded(stack).resources if one.component}
    for resource in recorded(stack).of_package("aws"):
        assert resource.parent in components, resource.urn


@every_stack
def test_all_that_takes_tags_carries_the_tags_that_cost_reports_and_the_sweep_go_by(stack: str) -> None:
    tagged = [one for one in recorded(stack).of_package("aws") if "tags" in one.inputs]
    assert len(tagged) > 60
    for resource in tagged:
        assert {"project": "keelson", "stack": stack, "managed-by": "pulumi"}.items() <= resource.inputs["tags"].items()
    for kind in ("Bucket", "Instance", "Cluster", "NodeGroup", "Vpc", "Role", "Key", "Secret", "Repository", "Queue"):
        assert any(one.kind == kind for one in tagged), kind


@every_stack
def test_nothing_is_named_without_its_stack_where_two_stacks_share_an_account(stack: str) -> None:
    named = ("name", "bucket", "identifier", "roleName")
    scoped = ("keelson-", "alias/keelson-", "keelson/", f"/aws/eks/keelson-{stack}/", "/aws/rds/instance/keelson-")
    for resource in recorded(stack).of_package("aws"):
        if resource.kind in {"Role", "Queue", "EventRule", "SubnetGroup", "ParameterGroup", "Alias", "Cluster"} | {
            "LogGroup",
            "Secret",
            "Budget",
        }:
            name = next(resource.inputs[key] for key in named if key in resource.inputs)
            assert name.startswith(scoped), resource.urn
            assert f"{stack}" in name, resource.urn


@every_stack
def test_every_bucket_is_private_versioned_encrypted_and_closed_to_plain_http(stack: str) -> None:
    recording = recorded(stack)
    buckets = {f"<{one.name}.id>" for one in recording.of_type("aws:s3/bucket:Bucket")}
    assert len(buckets) == 4
    for kind in (
        "bucketPublicAccessBlock:BucketPublicAccessBlock",
        "bucketVersioning:BucketVersioning",
        "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "bucketOwnershipControls:BucketOwnershipControls",
        "bucketPolicy:BucketPolicy",
    ):
        assert {one.inputs["bucket"] for one in recording.of_type(f"aws:s3/{kind}")} == buckets, kind
    for policy in recording.of_type("aws:s3/bucketPolicy:BucketPolicy"):
        bucket = policy.inputs["bucket"].removesuffix(".id>")
        assert json.loads(policy.inputs["policy"])["Statement"][0] == {
            "Sid": "DenyPlainTransport",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:*"],
            "Resource": [f"{bucket}.arn>", f"{bucket}.arn>/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    for block in recording.of_type("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"):
        closed = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        assert all(block.inputs[key] is True for key in closed)


@every_stack
def test_data_is_sealed_with_the_stacks_own_key_which_turns_every_year(stack: str) -> None:
    recording = recorded(stack)
    keys = recording.of_type("aws:kms/key:Key")
    assert all(key.inputs["enableKeyRotation"] is True for key in keys)
    own = tuple(f"<{key.name}.arn>" for key in keys)
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    for one in recording.of_type(kind):
        ((rule,),) = [one.inputs["rules"]]
        default = rule["applyServerSideEncryptionByDefault"]
        # The logs bucket takes deliveries that a customer's key refuses.
        assert default.get("kmsMasterKeyId") in (own if not one.name.startswith("logs") else (None,)), one.name
    for queue in recording.of_type("aws:sqs/queue:Queue"):
        assert queue.inputs["kmsMasterKeyId"] in own
    for secret in recording.of_type("aws:secretsmanager/secret:Secret"):
        assert secret.inputs["kmsKeyId"] in own
    for repository in recording.of_type("aws:ecr/repository:Repository"):
        assert repository.inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": own[-1]}]
        assert repository.inputs["imageTagMutability"] == "IMMUTABLE"


@every_stack
def test_databases_are_private_encrypted_backed_up_and_without_a_password_in_the_program(stack: str) -> None:
    databases = recorded(stack).of_type("aws:rds/instance:Instance")
    assert {one.inputs["engine"] for one in databases} == ({"postgres"} if stack == "dev" else {"postgres", "mysql"})
    for database in databases:
        inputs = database.inputs
        assert inputs["storageEncrypted"] is True
        assert inputs["kmsKeyId"].startswith("<keys-")
        assert inputs["publiclyAccessible"] is False
        assert inputs["backupRetentionPeriod"] >= 1
        assert inputs["skipFinalSnapshot"] is False
        assert inputs["manageMasterUserPassword"] is True
        assert "password" not in inputs
        assert inputs["deletionProtection"] is (stack == "prod")
        assert inputs["engineLifecycleSupport"] == "open-source-rds-extended-support-disabled"


def test_only_the_protected_stack_refuses_to_lose_what_holds_data() -> None:
    kinds = ("Bucket", "Instance", "Key", "Repository")
    for stack in STACKS:
        stateful = [one for one in recorded(stack).of_package("aws") if one.kind in kinds and "ec2" not in one.type]
        assert {one.protect for one in stateful} == {stack == "prod"}, stack
        assert {one.inputs["forceDestroy"] for one in stateful if one.kind == "Bucket"} == {stack != "prod"}


@every_stack
def test_the_cluster_is_private_in_standard_support_and_admits_by_entries_alone(stack: str) -> None:
    cluster = recorded(stack).named("cluster-control-plane").inputs
    assert cluster["vpcConfig"]["endpointPrivateAccess"] is True
    assert cluster["vpcConfig"]["endpointPublicAccess"] is False
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}
    assert cluster["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    assert cluster["encryptionConfig"]["resources"] == ["secrets"]
    assert set(cluster["enabledClusterLogTypes"]) == {"audit", "authenticator"}


def test_an_opened_api_admits_the_named_addresses_only() -> None:
    opened = record("dev", {"keelson:network": json.dumps({"api-allowed-cidrs": ["203.0.113.7/32"]})})
    network = opened.named("cluster-control-plane").inputs["vpcConfig"]
    assert network["endpointPublicAccess"] is True
    assert network["publicAccessCidrs"] == ["203.0.113.7/32"]


@every_stack
def test_the_log_group_stands_before_the_cluster_that_would_make_one_without_end(stack: str) -> None:
    recording = recorded(stack)
    log = recording.named("cluster-log")
    assert log.urn in recording.named("cluster-control-plane").depends_on
    assert log.inputs["retentionInDays"] > 0


@every_stack
def test_network_addons_come_before_the_nodes_and_the_others_after_them(stack: str) -> None:
    recording = recorded(stack)
    nodes = recording.named("system-nodes-group")
    for addon in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent"):
        assert recording.named(f"addon-{addon}").urn in nodes.depends_on
    for addon in ("coredns", "aws-ebs-csi-driver", "metrics-server"):
        assert nodes.urn in recording.named(f"addon-{addon}").depends_on


@every_stack
def test_network_policies_are_enforced_and_nodes_have_room_for_the_pods(stack: str) -> None:
    values = json.loads(recorded(stack).named("addon-vpc-cni").inputs["configurationValues"])
    assert values == {"enableNetworkPolicy": "true", "env": {"ENABLE_PREFIX_DELEGATION": "true"}}


@every_stack
def test_every_machine_demands_imdsv2_that_containers_cannot_reach_and_has_encrypted_disks(stack: str) -> None:
    templates = recorded(stack).of_type("aws:ec2/launchTemplate:LaunchTemplate")
    assert templates
    for template in templates:
        options = template.inputs["metadataOptions"]
        assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)
        assert all(disk["ebs"]["encrypted"] == "true" for disk in template.inputs["blockDeviceMappings"])


@every_stack
def test_no_gpu_machine_is_kept_at_rest(stack: str) -> None:
    for group in recorded(stack).of_type("aws:eks/nodeGroup:NodeGroup"):
        assert not any(kind.startswith(("g", "p")) for kind in group.inputs["instanceTypes"])


@every_stack
def test_nobody_undoes_what_scaled_the_node_group(stack: str) -> None:
    assert recorded(stack).named("system-nodes-group").ignore_changes == ("scalingConfig.desiredSize",)


@every_stack
def test_databases_have_no_way_out_and_let_only_the_cluster_in(stack: str) -> None:
    recording = recorded(stack)
    table = recording.named("network-database-routes")
    routes = [one for one in recording.of_package("aws") if one.kind == "Route"]
    assert all(route.inputs["routeTableId"] != f"<{table.name}.id>" for route in routes)
    group = recording.named("databases-group")
    assert not {"ingress", "egress"} & set(group.inputs)
    rules = recording.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    admitted = [rule.inputs for rule in rules if rule.inputs["securityGroupId"] == f"<{group.name}.id>"]
    assert {rule["fromPort"] for rule in admitted} == ({5432} if stack == "dev" else {5432, 3306})
    cluster = "<cluster-control-plane.vpcConfig.clusterSecurityGroupId>"
    assert {rule["referencedSecurityGroupId"] for rule in admitted} == {cluster}


@pytest.mark.parametrize(("stack", "gateways"), [("dev", 0), ("staging", 1), ("prod", 3)])
def test_each_private_zone_has_one_way_out_as_its_stack_says(stack: str, gateways: int) -> None:
    recording = recorded(stack)
    assert len(recording.of_type("aws:ec2/natGateway:NatGateway")) == gateways
    out = [one for one in recording.of_type("aws:ec2/route:Route") if one.name.startswith("network-private-")]
    assert len(out) == 3
    targets = {route.inputs.get("natGatewayId") or route.inputs.get("networkInterfaceId") for route in out}
    assert len(targets) == max(gateways, 1)


@every_stack
def test_every_wildcard_in_a_policy_has_a_written_reason(stack: str) -> None:
    found = 0
    for resource, statement in policies(recorded(stack)):
        wild = [one for one in (*statement.get("Action", []), *statement.get("Resource", [])) if one == "*"]
        wild += [one for one in statement["Action"] if one.endswith(":*")]
        if wild and statement["Effect"] == "Allow":
            found += 1
            assert statement["Sid"] in WILDCARD_REASONS, f"{resource.name}: {statement}"
    assert found > 3


@every_stack
def test_no_role_has_administrator_rights_and_each_lies_below_the_path_and_in_the_boundary(stack: str) -> None:
    recording = recorded(stack)
    roles = recording.of_type("aws:iam/role:Role")
    assert len(roles) > 12
    for role in roles:
        assert role.inputs["path"] == "/keelson/"
        assert role.inputs["permissionsBoundary"].endswith(":policy/keelson-boundary")
    attached = [
        one.inputs["policyArn"] for one in recording.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    ]
    assert not any("Administrator" in arn or "FullAccess" in arn for arn in attached)


@every_stack
def test_each_row_of_the_access_table_becomes_one_role_for_one_service_account(stack: str) -> None:
    recording = recorded(stack)
    associations = {
        (one.inputs["namespace"], one.inputs["serviceAccount"])
        for one in recording.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    }
    assert {(row.namespace, row.service_account) for row in ACCESS} <= associations
    for row in ACCESS:
        trust = json.loads(recording.named(f"pod-{row.service_account}-role").inputs["assumeRolePolicy"])
        (statement,) = trust["Statement"]
        assert set(statement["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
        assert statement["Condition"]["StringEquals"] == {
            "aws:RequestTag/kubernetes-namespace": row.namespace,
            "aws:RequestTag/kubernetes-service-account": row.service_account,
            "aws:RequestTag/eks-cluster-arn": "<cluster-control-plane.arn>",
        }


def test_a_pod_reaches_its_own_prefix_and_no_other() -> None:
    policy = json.loads(recorded("prod").named("pod-ml-pipeline-ui-policy").inputs["policy"])
    objects = next(one for one in policy["Statement"] if one["Sid"] == "ArtifactsPipelinesObjects")
    assert objects["Action"] == ["s3:GetObject"]
    assert objects["Resource"] == ["<artifacts-bucket.arn>/pipelines/*"]
    listing = next(one for one in policy["Statement"] if one["Sid"] == "ArtifactsPipelinesList")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["pipelines/*"]}}
    key = next(one for one in policy["Statement"] if one["Sid"] == "BucketsKey")
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt"], ["<keys-storage.arn>"])


@every_stack
def test_no_inline_policy_is_longer_than_aws_allows(stack: str) -> None:
    recording = with_pages() if stack == "prod" else recorded(stack)
    for policy in recording.of_type("aws:iam/rolePolicy:RolePolicy"):
        # 10,240 characters for all inline policies of a role; placeholders are shorter than ARNs.
        arns = policy.inputs["policy"].count("<")
        assert len(policy.inputs["policy"]) + 60 * arns < 10240, policy.name


def test_stacks_without_public_pages_have_no_load_balancer_controller() -> None:
    name = "load-balancer-role"
    assert not [one for one in recorded("prod").resources if one.name == name]
    assert [one for one in with_pages().resources if one.name == name]


def test_people_enter_in_the_group_of_their_role() -> None:
    arn = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/Data"
    recording = record("dev", {"keelson:people": json.dumps({"data-scientist": [arn]})})
    entry = recording.named("access-data-scientist").inputs
    assert entry["kubernetesGroups"] == ["keelson:data-scientist"]
    trust = json.loads(recording.named("data-scientist-role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"AWS": [arn]}
    assert not [one for one in recording.resources if one.name == "access-reviewer"]


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_ci_enters_by_its_training_role_alone_and_in_its_group_alone(stack: str) -> None:
    entries = recorded(stack).of_type("aws:eks/accessEntry:AccessEntry")
    (entry,) = [one.inputs for one in entries if "keelson:ci" in one.inputs.get("kubernetesGroups", ())]
    assert entry["principalArn"].endswith(f":role/keelson-train-{stack}")
    assert entry["kubernetesGroups"] == ["keelson:ci"]
    policies = recorded(stack).of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert [one.inputs["principalArn"].rpartition("/")[2] for one in policies] == [f"keelson-deploy-{stack}"]


def test_a_second_region_holds_encrypted_copies_of_everything_but_logs() -> None:
    recording = record("prod", {"keelson:replica-region": "us-west-2"})
    copies = recording.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    assert sorted(copy.name for copy in copies) == [
        "replication-artifacts",
        "replication-data",
        "replication-models",
    ]
    for copy in copies:
        (rule,) = copy.inputs["rules"]
        assert rule["destination"]["encryptionConfiguration"] == {"replicaKmsKeyId": "<replication-key.arn>"}
    assert recording.named("replication-key").inputs["region"] == "us-west-2"


def test_a_paused_stack_keeps_what_holds_data_and_nothing_that_costs_by_the_hour() -> None:
    paused = record("dev", {"keelson:paused": "true"})
    kinds = {one.kind for one in paused.of_package("aws")}
    assert {"Bucket", "Key", "Repository", "Volume"} <= kinds
    assert not kinds & {"Cluster", "NodeGroup", "Instance", "NatGateway", "Vpc", "Secret", "VpcEndpoint", "Eip"}
    assert not paused.of_package("kubernetes")


def test_pausing_and_resuming_touches_no_resource_that_stays() -> None:
    running = {one.urn: one for one in recorded("dev").resources}
    for kept in record("dev", {"keelson:paused": "true"}).of_package("aws"):
        assert kept.inputs == running[kept.urn].inputs


def test_a_database_made_from_a_snapshot_leaves_a_final_snapshot_of_another_name() -> None:
    first = recorded("dev").named("postgres").inputs["finalSnapshotIdentifier"]
    resumed = record("dev", {"keelson:database": json.dumps({"restore-from": first})}).named("postgres").inputs
    assert resumed["snapshotIdentifier"] == first
    assert resumed["finalSnapshotIdentifier"] != first


@every_stack
def test_no_secret_value_stands_anywhere_in_the_program(stack: str) -> None:
    for resource in recorded(stack).resources:
        assert not resource.type.endswith(":SecretVersion")
        assert not any(word in key.lower() for key in resource.inputs for word in ("secretstring", "masterpassword"))


class NothingIsKnown(pulumi.runtime.Mocks):
    """A first preview: no resource exists, so no output has a value."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.names.append(args.name)
        return "", dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return {"accountId": "123456789012", "arn": "arn", "userId": "user", "id": "id"}


@every_stack
def test_a_first_preview_shows_everything_although_no_value_is_known(stack: str) -> None:
    engine = NothingIsKnown()

    def preview() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        mocks.set_mocks(engine, project="keelson", stack=stack, preview=True)
        set_all_config({})
        program = str(ROOT / "infra" / "__main__.py")
        loop.run_until_complete(run_pulumi_func(lambda: runpy.run_path(program, run_name="__main__")))
        loop.close()

    with ThreadPoolExecutor(max_workers=1) as alone:
        alone.submit(contextvars.Context().run, preview).result()
    assert sorted(engine.names) == sorted(one.name for one in recorded(stack).resources)


def test_a_wrong_setting_stops_the_program_with_one_sentence() -> None:
    with pytest.raises(Exception, match=r"keelson:gpu\.limit .* is 0"):
        record("dev", {"keelson:gpu": '{"limit": 0}'})


def test_a_stack_without_a_file_is_refused_by_name() -> None:
    with pytest.raises(FileNotFoundError, match="'qa' has no file"):
        record("qa")


@every_stack
def test_a_changed_config_map_is_changed_and_not_made_again(stack: str) -> None:
    """A pod that starts while it is gone would find no traffic policy."""
    (provider,) = recorded(stack).of_type("pulumi:providers:kubernetes")
    assert provider.inputs["enableConfigMapMutable"] in (True, "true")
