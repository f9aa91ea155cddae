"""The orchestrating pod as Kubernetes tells it, and the steps of the training pipeline."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from infra.render.engine import record, stack_file
from infra.render.manifests import objects
from pipelines.jobs.door import run_job
from pipelines.jobs.manifest import CompiledStep, compiled_steps
from pipelines.versioning import tables
from pipelines.versioning.published import Published

RUN = "training-20260101-030000-abcd"
MANIFEST_DIGEST = f"sha256:{'c' * 64}"


@pytest.fixture(scope="session")
def template() -> Mapping[str, Any]:
    """The CronJob of stack `cluster` that runs are made of."""
    (found,) = [
        one.inputs
        for one in objects(record("cluster", stack_file("cluster")))
        if one.inputs["kind"] == "CronJob" and one.inputs["metadata"]["namespace"] == "pipelines"
    ]
    return found


@pytest.fixture(scope="session")
def a_pod(template: Mapping[str, Any]) -> Callable[..., dict[str, Any]]:
    """The pod of a run's Job, running, as the Job's controller and the kubelet complete it."""

    def made(image_id: str = "", job_uid: str = "11111111-2222") -> dict[str, Any]:
        job = run_job(template, RUN, ["training"], None)
        pod = job["spec"]["template"]
        metadata = {
            "name": f"{RUN}-x7k2p",
            "namespace": "pipelines",
            "uid": "0b1c",
            "labels": dict(pod["metadata"]["labels"]),
        }
        for name, value in (("job-name", RUN), ("controller-uid", job_uid)):
            metadata["labels"][f"batch.kubernetes.io/{name}"] = value
        return {"metadata": metadata, "spec": pod["spec"], "status": {"containerStatuses": [{"imageID": image_id}]}}

    return made


@pytest.fixture(scope="session")
def steps() -> Callable[..., dict[str, CompiledStep]]:
    """Steps of the published training pipeline, by executor."""
    version = tables.pipeline_versions()["training"]
    specification = yaml.safe_load(Published().document("pipelines", "training", version))

    def made(*, cuda: bool = False) -> dict[str, CompiledStep]:
        return compiled_steps(specification, "registry.example.org/keelson/components:0.1.0", cuda=cuda)

    return made
