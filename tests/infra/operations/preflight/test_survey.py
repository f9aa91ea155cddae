"""The command as a user runs it: everything that would fail, at once, with moto as the account."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ACCOUNT = "123456789012"


OWN = {"project": "keelson", "stack": "dev", "managed-by": "pulumi"}


@pytest.fixture
def preflight(
    bootstrapped: None, quota: Callable[[str, float], None], sold: None, tmp_path: Path
) -> Callable[..., dict[str, Any]]:
    """Runs the command for dev on a bootstrapped account, with a Pulumi that knows no stack yet."""

    def run(code: int, **more: str) -> dict[str, Any]:
        (tmp_path / "state").mkdir(exist_ok=True)
        environment = {**os.environ, "PULUMI_BACKEND_URL": f"file://{tmp_path}/state", "PULUMI_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "infra.operations.preflight", "--stack", "dev", "--json"]
        done = subprocess.run(command, env={**environment, **more}, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return {one["check"]: one for one in json.loads(done.stdout)["findings"]}

    return run


def test_a_bootstrapped_account_is_ready_for_a_first_up(preflight: Callable[..., dict[str, Any]]) -> None:
    found = preflight(0)
    assert [name for name, one in found.items() if one["verdict"] == "fails"] == []
    assert {"quota: vCPU spot, G and VT", f"bucket keelson-dev-data-{ACCOUNT}-us-east-1", "state"} <= set(found)


def test_everything_that_would_fail_is_told_at_once(
    aws: Any, preflight: Callable[..., dict[str, Any]], quota: Callable[[str, float], None]
) -> None:
    quota("L-3819A6DF", 0.0)
    bucket = f"keelson-dev-data-{ACCOUNT}-us-east-1"
    aws("s3").create_bucket(Bucket=bucket)
    tags = [{"Key": key, "Value": value} for key, value in OWN.items()]
    aws("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    aws("iam").delete_role(RoleName="keelson-deploy-dev")
    found = preflight(1)
    assert {name for name, one in found.items() if one["verdict"] == "fails"} == {
        "quota: vCPU spot, G and VT",
        f"bucket keelson-dev-data-{ACCOUNT}-us-east-1",
        "deploy role",
    }


def test_without_credentials_the_settings_are_still_looked_at(preflight: Callable[..., dict[str, Any]]) -> None:
    found = preflight(1, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", HOME="/nonexistent")
    assert found["credentials"]["verdict"] == "fails"
    assert found["support: Kubernetes 1.36"]["verdict"] in ("ok", "warning")
