"""The list of images is what a mirror needs: every image that a stack pulls, and nothing that is none."""

import json
from typing import Any

from infra.render.engine import record
from infra.render.images import images, listing
from infra.render.recording import Recording, Resource, in_order


def a_workload(name: str = "mlflow", kind: str = "Deployment", **spec: Any) -> Resource:
    metadata = {"name": name, "namespace": "mlflow"}
    inputs = {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"template": {"spec": spec}}}
    return Resource(urn=f"urn::{name}", type=f"kubernetes:apps/v1:{kind}", name=name, inputs=inputs)


def a_chart(name: str = "karpenter", **values: Any) -> Resource:
    inputs = {"chart": f"oci://x.io/{name}", "version": "1.0.0", "values": values}
    return Resource(urn=f"urn::{name}", type="kubernetes:helm.sh/v4:Chart", name=name, inputs=inputs)


def a_recording(*resources: Resource) -> Recording:
    return Recording(stack="dev", resources=in_order(resources), outputs={})


def test_images_of_all_containers_are_found() -> None:
    pod = {"containers": [{"image": "a:1"}], "initContainers": [{"image": "b:1"}]}
    assert list(images(a_recording(a_workload(**pod)))) == ["a:1", "b:1"]


def test_images_inside_custom_resources_are_found() -> None:
    rollout = a_workload(kind="Rollout", containers=[{"image": "registry:5000/bundle@sha256:00"}])
    assert list(images(a_recording(rollout))) == ["registry:5000/bundle@sha256:00"]


def test_an_image_that_a_variable_hands_on_is_found() -> None:
    environment = [{"name": "V2_LAUNCHER_IMAGE", "value": "ghcr.io/kfp-launcher:2.17.0"}]
    found = images(a_recording(a_workload(containers=[{"image": "a:1", "env": environment}])))
    assert list(found) == ["a:1", "ghcr.io/kfp-launcher:2.17.0"]


def test_an_image_names_all_that_use_it() -> None:
    pod = {"containers": [{"image": "a:1"}]}
    found = images(a_recording(a_workload("one", **pod), a_workload("two", **pod)))
    assert found == {"a:1": ("mlflow/Deployment/one", "mlflow/Deployment/two")}


def test_an_image_in_the_parts_that_charts_want_is_put_together() -> None:
    parts = {"registry": "quay.io", "repository": "jetstack/controller", "tag": "v1.21.1"}
    assert images(a_recording(a_chart(image=parts))) == {"quay.io/jetstack/controller:v1.21.1": ("chart karpenter",)}


def test_a_digest_is_kept_beside_the_tag() -> None:
    parts = {"repository": "public.ecr.aws/karpenter/controller", "tag": "1.14.1", "digest": "sha256:00ff"}
    found = images(a_recording(a_chart(controller={"image": parts})))
    assert list(found) == ["public.ecr.aws/karpenter/controller:1.14.1@sha256:00ff"]


def test_an_image_in_one_text_of_a_charts_values_is_found() -> None:
    assert list(images(a_recording(a_chart(image="nvcr.io/plugin:v1")))) == ["nvcr.io/plugin:v1"]


def test_what_only_looks_like_an_image_is_left_out() -> None:
    values = {
        "image": {"pullPolicy": "IfNotPresent"},
        "repository": "https://x.io/charts",
        "tag": "v1",
        "logoImage": "logo",
    }
    assert images(a_recording(a_chart(**values))) == {}


def test_a_chart_that_names_no_image_is_said_to_be_unknown() -> None:
    recorded = a_recording(a_chart("silent", replicas=1), a_workload(containers=[{"image": "a:1"}]))
    assert listing(recorded) == "# names no image in its values: silent\na:1\tmlflow/Deployment/mlflow\n"


def test_with_a_prefix_a_stack_pulls_from_that_registry_and_its_own_alone() -> None:
    sign_in = {
        "domain": "keelson.example.com",
        "certificate-arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
        "issuer": "https://id.example.com",
        "client-id": "keelson",
        "email-domain": "example.com",
    }
    config = {"images": json.dumps({"prefix": "registry.example.com/mirror"}), "sign-in": json.dumps(sign_in)}
    found = images(record("dev", {f"keelson:{key}": value for key, value in config.items()}))
    elsewhere = [image for image in found if not image.startswith("registry.example.com/mirror/")]
    assert elsewhere == ["<registry-components.repositoryUrl>:0.1.0"]
    assert len(found) > 30
