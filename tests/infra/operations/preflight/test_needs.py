"""What a stack needs is read off a recording of its program."""

import pytest

from infra.operations.preflight.needs import KINDS, Needs, needs_of
from infra.render.engine import record

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def dev() -> Needs:
    return needs_of(record("dev"), ACCOUNT)


def test_the_program_itself_says_which_names_it_will_ask_for(dev: Needs) -> None:
    names = {(KINDS[one.kind].label, one.name) for one in dev.parts}
    assert {
        ("bucket", f"keelson-dev-data-{ACCOUNT}-us-east-1"),
        ("secret", "keelson/dev/mlflow-database"),
        ("log group", "/aws/eks/keelson-dev/cluster"),
        ("KMS alias", "alias/keelson-dev-stack"),
        ("role", "keelson-dev-node"),
        ("cluster", "keelson-dev"),
        ("database", "keelson-dev-postgres"),
        ("image repository", "keelson-dev/serving"),
        ("queue", "keelson-dev-interruptions"),
    } <= names


def test_the_program_itself_says_what_it_counts_against_quotas(dev: Needs) -> None:
    assert (dev.vpcs, dev.machines, dev.kubernetes) == (1, ("t4g.nano",), "1.36")
    assert [one.final_snapshot for one in dev.databases] == ["keelson-dev-postgres-final-e3b0c442"]


def test_a_paused_program_asks_for_no_cluster() -> None:
    paused = needs_of(record("dev", {"keelson:paused": True}), ACCOUNT)
    assert (paused.kubernetes, paused.vpcs, paused.databases) == (None, 0, ())
