"""A training role may do what starting a run asks of AWS, and no more."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from infra.bootstrap.permissions import training_policies
from infra.bootstrap.permissions.scope import Scope
from infra.operations.account import Account
from infra.operations.cluster_api import reached
from pipelines.images import by_digest

ACCOUNT = "123456789012"
MANIFEST = json.dumps(
    {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": "sha256:" + "c" * 64},
        "layers": [],
    }
)


def test_what_starting_a_run_asks_of_aws_is_what_the_role_may(
    aws: Any, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/eks"
    cluster = aws("eks").create_cluster(name="keelson-dev", roleArn=role, resourcesVpcConfig={"subnetIds": []})
    repository = aws("ecr").create_repository(repositoryName="keelson-dev/components")["repository"]
    aws("ecr").put_image(repositoryName="keelson-dev/components", imageManifest=MANIFEST, imageTag="0.1.0")
    asked: list[str] = []
    send = BaseClient._make_api_call

    def noted(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        asked.append(f"{client.meta.service_model.service_name}:{operation}")
        return send(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    # As `infra.delivery.train` does, and `pipelines.submit` for it: to sign a token asks nobody.
    found = reached(account, "keelson-dev", tmp_path)
    image = by_digest(f"{repository['repositoryUri']}:0.1.0")
    assert found.host == cluster["cluster"]["endpoint"]
    assert found.api_key["authorization"].startswith("Bearer k8s-aws-v1.")
    assert "@sha256:" in image
    scope = Scope(account_id=ACCOUNT, regions=("us-east-1",), stack="dev", protected=False)
    may = [one for statements in training_policies(scope).values() for one in statements]
    assert asked == [action for one in may for action in one.actions]
    assert [one.resources for one in may] == [[cluster["cluster"]["arn"]], [repository["repositoryArn"]]]
