"""A recording is what the program asked for: complete, in a fixed order, with nothing invented."""

from pathlib import Path

import pulumi
import pytest

from infra.render import engine, placeholders
from infra.render.recording import HIDDEN, Recording

PROGRAM = """
import pulumi
import pulumi_aws as aws


class Store(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("keelson:test:Store", name)
        child = pulumi.ResourceOptions(parent=self, protect=True, ignore_changes=["tags"])
        key = aws.kms.Key("key", opts=child)
        self.bucket = aws.s3.Bucket("bucket", bucket="fixed-name", opts=child)
        aws.s3.BucketVersioning(
            "versioning",
            bucket=self.bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[key], retain_on_delete=True),
        )
        aws.ssm.Parameter("parameter", type="SecureString", value=pulumi.Output.secret("hush"), opts=child)
        self.register_outputs({"images": ["a:1"], "bucket": self.bucket.arn})


store = Store("store")
account = aws.get_caller_identity_output().account_id
pulumi.export("bucket", store.bucket.bucket)
pulumi.export("arn", store.bucket.arn)
pulumi.export("account", account)
pulumi.export("size", pulumi.Config().get_int("size"))
pulumi.export("password", pulumi.Output.secret("hush"))
"""


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    (tmp_path / "infra" / "stacks").mkdir(parents=True)
    (tmp_path / "infra" / "__main__.py").write_text(PROGRAM)
    (tmp_path / "infra" / "stacks" / "Pulumi.dev.yaml").write_text(
        "config:\n  keelson:size: 3\n  keelson:hidden:\n    secure: v1:abc\n"
    )
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    return engine.record("dev")


def test_components_resources_and_their_parents_are_kept(recording: Recording) -> None:
    store = recording.named("store")
    assert store.component
    assert {one.name for one in recording.of_package("aws")} == {"bucket", "key", "parameter", "versioning"}
    assert {one.parent for one in recording.of_package("aws")} == {store.urn}


def test_what_a_component_says_of_itself_is_kept(recording: Recording) -> None:
    assert recording.named("store").outputs == {"bucket": "<bucket.arn>", "images": ["a:1"]}


def test_what_comes_before_what_is_kept_whether_by_value_or_by_word(recording: Recording) -> None:
    versioning = recording.named("versioning")
    assert {recording.named("bucket").urn, recording.named("key").urn} <= set(versioning.depends_on)


def test_options_that_change_what_happens_are_kept(recording: Recording) -> None:
    assert recording.named("bucket").protect
    assert recording.named("bucket").ignore_changes == ("tags",)
    assert recording.named("versioning").retain_on_delete


def test_a_value_known_only_after_deployment_names_where_it_comes_from(recording: Recording) -> None:
    assert recording.named("versioning").inputs["bucket"] == "<bucket.id>"
    assert recording.outputs["arn"] == "<bucket.arn>"
    assert recording.outputs["account"] == "<account>"
    assert recording.calls == ("aws:index/getCallerIdentity:getCallerIdentity",)


def test_a_value_that_the_program_gives_itself_stays_as_it_is(recording: Recording) -> None:
    assert recording.outputs["bucket"] == "fixed-name"
    assert recording.outputs["size"] == 3


def test_no_secret_is_kept(recording: Recording) -> None:
    assert recording.named("parameter").inputs["value"] == HIDDEN
    assert recording.outputs["password"] == HIDDEN
    assert "hush" not in repr(recording)


def test_resources_are_sorted_so_that_two_recordings_are_equal(recording: Recording) -> None:
    urns = [one.urn for one in recording.resources]
    assert urns == sorted(urns)
    assert engine.record("dev") == recording


def test_a_program_that_fails_fails_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "__main__.py").write_text("import pulumi\nraise pulumi.RunError('no such thing')\n")
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    with pytest.raises(pulumi.RunError, match="no such thing"):
        engine.record("dev", {})


def test_a_name_that_several_resources_share_is_refused(recording: Recording) -> None:
    with pytest.raises(KeyError, match="0 resources are named 'absent'"):
        recording.named("absent")


def test_placeholders_reach_into_what_the_provider_nests() -> None:
    made = placeholders.outputs("aws:eks/cluster:Cluster", "c", {"vpcConfig": {"subnetIds": ["a"]}})
    assert made["certificateAuthority"] == {"data": "<c.certificateAuthority.data>"}
    assert made["identities"][0]["oidcs"][0]["issuer"] == "<c.identities[0].oidcs[0].issuer>"
    assert made["vpcConfig"]["clusterSecurityGroupId"] == "<c.vpcConfig.clusterSecurityGroupId>"
    assert made["vpcConfig"]["subnetIds"] == ["a"]


def test_a_number_that_only_the_provider_knows_is_marked_too() -> None:
    made = placeholders.outputs("aws:ec2/launchTemplate:LaunchTemplate", "t", {})
    assert str(made["latestVersion"]) == "<t.latestVersion>"


def test_a_yes_or_no_is_never_made_up() -> None:
    assert "isIpv6Supported" not in placeholders.outputs("aws:ec2/vpc:Vpc", "v", {})
    assert "enableDnsSupport" not in placeholders.outputs("aws:ec2/vpc:Vpc", "v", {})
