"""Programs on this machine, and what Pulumi's state knows."""

from typing import TYPE_CHECKING, Any

import pytest

from infra.operations.account import Unknown
from infra.operations.findings import Finding
from infra.operations.preflight import tools
from infra.operations.preflight.tools import installed, named_in_state

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder


def verdicts(findings: list[Finding]) -> dict[str, str]:
    return {one.check: one.verdict for one in findings}


def programs(**given: Any) -> tools.Programs:
    plain: dict[str, Any] = {
        "pulumi": "v3.272.0",
        "plugins": {"aws": ["7.51.1"], "kubernetes": ["4.34.2"]},
        "wanted": {"aws": "7.51.1", "kubernetes": "4.34.2"},
        "aws": "/usr/bin/aws",
    }
    return tools.Programs(**{**plain, **given})


def test_all_programs_are_well() -> None:
    assert set(verdicts(tools.check_programs(programs())).values()) == {"ok"}


@pytest.mark.parametrize(
    ("given", "check", "verdict"),
    [
        ({"pulumi": None}, "pulumi", "fails"),
        ({"aws": None}, "aws command line", "fails"),
        ({"plugins": {"aws": ["7.51.1"]}}, "provider plugin kubernetes", "warning"),
        ({"plugins": {"aws": ["6.0.0"], "kubernetes": ["4.34.2"]}}, "provider plugin aws", "warning"),
        ({"plugins": Unknown(reason="failed")}, "provider plugins", "fails"),
    ],
)
def test_each_missing_program_is_found(given: dict[str, Any], check: str, verdict: str) -> None:
    assert verdicts(tools.check_programs(programs(**given)))[check] == verdict


def test_a_state_that_cannot_be_read_fails(a_stack: "StackBuilder") -> None:
    assert tools.check_state(a_stack(), Unknown(reason="no credentials")).verdict == "fails"


def test_no_state_yet_is_well(a_stack: "StackBuilder") -> None:
    assert tools.check_state(a_stack(), frozenset()).verdict == "ok"


def test_named_resources_of_a_state_are_known() -> None:
    state = [
        {"type": "aws:s3/bucket:Bucket", "inputs": {"bucket": "data"}, "outputs": {"bucket": "data", "arn": "-"}},
        {"type": "aws:ec2/vpc:Vpc", "inputs": {}, "outputs": {"id": "vpc-1"}},
    ]
    assert named_in_state(state) == frozenset({("aws:s3/bucket:Bucket", "data")})


def test_plugins_are_read_from_what_pulumi_prints() -> None:
    printed = [
        {"name": "aws", "kind": "resource", "version": "7.51.1"},
        {"name": "aws", "kind": "resource", "version": "6.0.0"},
        {"name": "python", "kind": "language", "version": "3.0.0"},
    ]
    assert installed(printed) == {"aws": ["7.51.1", "6.0.0"]}
