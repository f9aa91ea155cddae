"""What moto lacks of the account that a preflight asks about, and what the bootstrap leaves there."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.rds.models import RDSBackend
from moto.servicequotas.models import ServiceQuotasBackend

ORDERABLE = [
    {"Engine": "postgres", "EngineVersion": "17.10", "DBInstanceClass": "db.t4g.micro", "MultiAZCapable": False},
]


@pytest.fixture
def quota(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], None]:
    """Sets the value of a quota: moto itself knows those of VPCs alone."""
    values: dict[str, float] = {}

    def answer(backend: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
        return {"QuotaCode": quota_code, "ServiceCode": service_code, "Value": values.get(quota_code, 1000.0)}

    monkeypatch.setattr(ServiceQuotasBackend, "get_service_quota", answer)
    return values.__setitem__


@pytest.fixture
def sold(monkeypatch: pytest.MonkeyPatch) -> None:
    """RDS sells one class: moto itself knows Aurora's alone."""

    def answer(backend: RDSBackend, engine: str, engine_version: str | None) -> list[dict[str, Any]]:
        return [one for one in ORDERABLE if one["Engine"] == engine]

    monkeypatch.setattr(RDSBackend, "describe_orderable_db_instance_options", answer)


@pytest.fixture
def bootstrapped(aws: Any) -> None:
    """What `infra/bootstrap` leaves in an account."""
    aws("s3").create_bucket(Bucket="keelson-state")
    key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
    aws("kms").create_alias(AliasName="alias/keelson-state", TargetKeyId=key)
    iam = aws("iam")
    for role in ("deploy", "train"):
        iam.create_role(RoleName=f"keelson-{role}-dev", AssumeRolePolicyDocument="{}")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.create_policy(PolicyName="keelson-boundary", PolicyDocument=json.dumps(allow))
    iam.create_open_id_connect_provider(Url="https://token.actions.githubusercontent.com", ThumbprintList=["0" * 40])
