"""Settings of stack `cluster`: what must be said, and what is refused with one sentence."""

from typing import Any

import pytest

from infra import settings
from infra.settings import ClusterSettings


def load(**config: Any) -> ClusterSettings:
    given = {f"keelson:{key.replace('_', '-')}": value for key, value in config.items()}
    loaded = settings.load("cluster", "keelson", {"keelson:registry": "registry.example.org/keelson", **given})
    assert isinstance(loaded, ClusterSettings)
    return loaded


def test_only_the_place_of_the_projects_own_images_must_be_said() -> None:
    assert load().replicas == 1
    with pytest.raises(settings.SettingsError, match=r"keelson:registry in .*cluster.yaml is missing: where"):
        settings.load("cluster", "keelson", {})


def test_it_has_nothing_of_a_cloud_stack() -> None:
    chosen = load()
    assert chosen.domain is None
    assert chosen.monthly_budget is None
    assert not chosen.keeps_logs


def test_steps_are_jobs_unless_kubeflow_pipelines_is_there() -> None:
    assert load().steps_are_jobs
    assert (load().pipeline_cpus, load().pipeline_gpus) == (8, 0)
    assert not load(pipelines={"engine": "kubeflow"}).steps_are_jobs


def test_its_blocks_are_those_of_the_users_network() -> None:
    chosen = load(network='{"pods": "10.42.0.0/16", "services": "10.43.0.0/16", "nodes": ["192.168.7.0/24"]}')
    assert str(chosen.network.pods) == "10.42.0.0/16"
    assert [str(block) for block in chosen.network.nodes] == ["192.168.7.0/24"]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"network": {"pods": "10.0.0.0/8"}}, ["keelson:network.pods", "/12 to /24"]),
        ({"network": {"pods": "10.97.0.0/16"}}, ["keelson:network", "overlap"]),
        ({"network": {"nodes": []}}, ["keelson:network.nodes"]),
        ({"network": {"cidr": "10.0.0.0/16"}}, ["keelson:network.cidr", "not known", "nodes, pods, services"]),
        ({"storage": {"database": 0}}, ["keelson:storage.database", "is 0", "GiB of Postgres"]),
        ({"registry": "https://registry.example.org"}, ["keelson:registry", "https://"]),
        ({"storage": {"pipelines": 0}}, ["keelson:storage.pipelines", "is 0", "GiB"]),
        ({"pipelines": {"engine": "argo"}}, ["keelson:pipelines.engine", "'argo'", "kubeflow"]),
        ({"pipelines": {"step-cpu": 0}}, ["keelson:pipelines.step-cpu", "is 0", "cores"]),
        ({"pipelines": {"schedule": "hourly"}}, ["keelson:pipelines.schedule", "'hourly'", "0 3 * * 1"]),
        ({"pipelines": {"engine": "kubeflow", "schedule": "0 3 * * 1"}}, ["keelson:pipelines", "schedules of its own"]),
        ({"operators": "maybe"}, ["keelson:operators", "'maybe'", "present"]),
        ({"traffic": {"champion": "7"}}, ["Pulumi.cluster.yaml", "no bundle is set"]),
        ({"sign-in": {"domain": "example.org"}}, ["keelson:sign-in", "not known", "registry"]),
    ],
)
def test_a_wrong_setting_is_refused_by_one_sentence_that_names_it(config: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(settings.SettingsError) as refusal:
        load(**config)
    assert [part for part in told if part not in str(refusal.value)] == []
