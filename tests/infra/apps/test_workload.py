"""Every pod of the project is hardened, whatever it runs."""

from collections.abc import Callable, Iterator
from typing import Any

import kubernetes_validate
import pytest

from infra.apps.logs import COLLECTOR
from infra.settings.cloud import STACKS
from infra.versions import versions

MakeAll = Callable[..., Any]
every_stack = pytest.mark.parametrize("stack", STACKS)


def containers(made: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in made.pods().items():
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            yield name, container


@every_stack
def test_every_object_is_one_of_the_pinned_kubernetes(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    others = ("external-secrets.io", "argoproj.io")
    made = make_all(stack, sign_in=sign_in).objects
    own = [one for one in made if not any(group in one["apiVersion"] for group in others)]
    assert own
    for one in own:
        kubernetes_validate.validate(one, versions().kubernetes.version, strict=True)


@every_stack
def test_every_pod_runs_as_a_user_without_rights(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    for name, pod in make_all(stack, sign_in=sign_in).pods().items():
        context = pod["securityContext"]
        # The kubelet lets root alone read logs.
        if name != COLLECTOR:
            assert context["runAsNonRoot"], name
            assert context["runAsUser"] == context["runAsGroup"] > 1000, name
        assert context["seccompProfile"]["type"] == "RuntimeDefault", name


@every_stack
def test_every_container_is_locked_down(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    for name, container in containers(make_all(stack, sign_in=sign_in)):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"], name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name


@every_stack
def test_no_pod_has_a_token_of_the_kubernetes_api(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    made = make_all(stack, sign_in=sign_in)
    assert {pod["automountServiceAccountToken"] for pod in made.pods().values()} == {False}
    assert {one["automountServiceAccountToken"] for one in made.of("ServiceAccount")} == {False}


@every_stack
def test_every_container_has_requests_and_limits(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    for name, container in containers(make_all(stack, sign_in=sign_in)):
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory", "ephemeral-storage"}, name


@every_stack
def test_what_a_container_may_write_to_has_a_size(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    for name, pod in make_all(stack, sign_in=sign_in).pods().items():
        for volume in pod["volumes"]:
            assert "hostPath" not in volume or name == COLLECTOR, name
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"], name


def test_every_folder_for_short_lived_files_is_writable(make_all: MakeAll) -> None:
    for name, container in containers(make_all()):
        writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
        assert "/tmp" in writable, name


@every_stack
def test_every_server_has_three_probes_and_readiness_asks_something_of_its_own(
    make_all: MakeAll, sign_in: Any, stack: str
) -> None:
    made = make_all(stack, sign_in=sign_in)
    for one in made.servers():
        container = one["spec"]["template"]["spec"]["containers"][0]
        asked = [
            {key: container[probe].get(key) for key in ("httpGet", "exec", "tcpSocket")}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        ]
        assert asked[0] == asked[1] != asked[2], one["metadata"]["name"]


@every_stack
def test_every_pod_has_a_priority_that_exists(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    made = make_all(stack, sign_in=sign_in)
    known = {one["metadata"]["name"] for one in made.of("PriorityClass")}
    assert {pod["priorityClassName"] for pod in made.pods().values()} <= known


def test_services_with_copies_are_never_all_moved_at_once(make_all: MakeAll, sign_in: Any) -> None:
    made = make_all("prod", sign_in=sign_in)
    names = {one["metadata"]["name"] for one in made.servers()} - {"evidently", "monitor", "loki"}
    assert names == {one["metadata"]["name"] for one in made.of("PodDisruptionBudget")}
    assert {one["spec"]["maxUnavailable"] for one in made.of("PodDisruptionBudget")} == {1}


def test_one_copy_has_no_disruption_budget_that_would_hold_its_node(make_all: MakeAll) -> None:
    assert make_all("dev").of("PodDisruptionBudget") == []


def test_every_service_finds_pods(make_all: MakeAll, sign_in: Any) -> None:
    made = make_all("dev", sign_in=sign_in)
    workloads = made.servers()
    for service in made.of("Service"):
        found = [
            one
            for one in workloads
            if one["metadata"]["namespace"] == service["metadata"]["namespace"]
            and service["spec"]["selector"].items() <= one["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert len(found) == 1, service["metadata"]["name"]


def test_every_account_of_a_pod_is_made(make_all: MakeAll, sign_in: Any) -> None:
    made = make_all("dev", sign_in=sign_in)
    accounts = {one["metadata"]["name"] for one in made.of("ServiceAccount")}
    assert {pod["serviceAccountName"] for pod in made.pods().values()} <= accounts


def test_everything_that_a_pod_mounts_or_reads_is_made(make_all: MakeAll, sign_in: Any) -> None:
    made = make_all("dev", sign_in=sign_in)
    maps = {one["metadata"]["name"] for one in made.of("ConfigMap")}
    secrets = {one["metadata"]["name"] for one in made.of("ExternalSecret")}
    claims = {one["metadata"]["name"] for one in made.of("PersistentVolumeClaim")}
    for name, pod in made.pods().items():
        for volume in pod["volumes"]:
            assert volume.get("configMap", {}).get("name") in {None, *maps}, name
            assert volume.get("secret", {}).get("secretName") in {None, *secrets}, name
            assert volume.get("persistentVolumeClaim", {}).get("claimName") in {None, *claims}, name
        for source in pod["containers"][0].get("envFrom", []):
            assert source.get("configMapRef", {}).get("name") in {None, *maps}, name
            assert source.get("secretRef", {}).get("name") in {None, *secrets}, name


def test_the_smallest_stack_at_rest_fits_on_one_small_node(make_all: MakeAll, sign_in: Any) -> None:
    """600 millicores and 2.7 GiB are what a node of 2 vCPU and 8 GiB has left beside the operators."""
    made = make_all("dev", sign_in=sign_in)
    asked = [
        container["resources"]["requests"]
        for pod in (one["spec"]["template"]["spec"] for one in made.servers())
        for container in [*pod["containers"], *pod.get("initContainers", [])]
        # What prepares a pod has ended by then.
        if container in pod["containers"] or container.get("restartPolicy") == "Always"
    ]
    assert sum(int(one["cpu"].removesuffix("m")) for one in asked) <= 600
    assert sum(int(one["memory"].removesuffix("Mi")) for one in asked) <= 2.7 * 1024


@every_stack
def test_no_secret_is_in_what_the_program_makes(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    """Values are copied inside the cluster; the program knows names only."""
    made = make_all(stack, sign_in=sign_in)
    assert made.of("Secret") == []
    for name, container in containers(made):
        for variable in container["env"]:
            assert "PASSWORD" not in variable["name"] or "valueFrom" in variable, name


@every_stack
def test_every_exception_of_a_linter_has_its_reason(make_all: MakeAll, sign_in: Any, stack: str) -> None:
    for one in make_all(stack, sign_in=sign_in).objects:
        notes = one["metadata"].get("annotations", {})
        for check in filter(None, notes.get("kube-score/ignore", "").split(",")):
            assert notes[f"exception.keelson/{check}"]
        for key, value in notes.items():
            if key.startswith("checkov.io/skip"):
                assert value.partition("=")[2], key
