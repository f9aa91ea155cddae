"""Every password and key of the stack is changed, in the order of docs/any-kubernetes.md, while the bundle answers."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes import client as kubernetes

from infra.cluster import api as cluster_api
from infra.self_hosted import credentials, secrets_file
from infra.self_hosted.credentials import Secrets
from pipelines.jobs.names import NAMESPACE, TEMPLATE

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Wait = Callable[..., Any]

STORES = ("database/StatefulSet/postgres", "storage/Deployment/object-storage")
# Servers start where the machine has other work to do.
_SECONDS = 600
# Tries what was valid before, as the monitor's pod would.
OLD = """
import json, os
import boto3
import sqlalchemy
from botocore.exceptions import ClientError
url = sqlalchemy.make_url(os.environ["KEELSON_PIPELINES_DATABASE"])
said = {{}}
try:
    sqlalchemy.create_engine(url.set(password={password!r})).connect()
except sqlalchemy.exc.OperationalError as error:
    said["postgres"] = "password authentication failed" in str(error)
try:
    boto3.client("s3", aws_access_key_id={key!r}, aws_secret_access_key={secret!r}).list_buckets()
except ClientError as error:
    said["storage"] = error.response["Error"]["Code"]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def restart(serving: Any) -> Callable[[str], None]:
    """Starts the pods of ``<namespace>/<kind>/<name>`` anew, as `kubectl rollout restart` does."""
    apps = kubernetes.AppsV1Api(cluster_api.connect(serving.layout.kubeconfig))

    def restart(place: str) -> None:
        namespace, kind, name = place.split("/")
        change = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
        patch = {"Deployment": apps.patch_namespaced_deployment, "StatefulSet": apps.patch_namespaced_stateful_set}
        patch[kind](name, namespace, {"spec": {"template": {"metadata": {"annotations": change}}}})

    return restart


@pytest.fixture(scope="module")
def rotated(
    serving: Any,
    callers: Any,
    applied: Mapping[str, Manifest],
    restart: Callable[[str], None],
    ready: Callable[[str, float], bool],
    succeeded: Callable[[Manifest], bool],
    eventually: Wait,
) -> int:
    """The round of callers in which everything began to be changed; when it is returned, all has been."""
    began, api = len(callers.rounds()), serving.api
    eventually(lambda: len(serving.ready()) == serving.copies == len(serving.pods()), 120)
    for one in secrets_file.manifests(serving.recording.resources, credentials.make()):
        api.apply(one)
    for place in STORES:
        restart(place)
    for place in STORES:
        ready(place, _SECONDS)
    (bootstrap,) = [one for path, one in applied.items() if path.startswith("kubernetes/database/Job-")]
    about = ("batch/v1", "Job", bootstrap["metadata"]["name"], "database")
    api.delete(bootstrap)
    eventually(lambda: api.get(*about) is None, 60)
    api.apply(bootstrap)
    eventually(lambda: succeeded(api.get(*about)), _SECONDS)
    deployments = [one["metadata"] for one in applied.values() if one["kind"] == "Deployment"]
    others = {f"{one['namespace']}/Deployment/{one['name']}" for one in deployments} - {*STORES}
    for place in others:
        restart(place)
    old = serving.ready()
    serving.restart(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    for place in others:
        ready(place, _SECONDS)
    eventually(lambda: not old & (new := serving.ready()) and len(new) == serving.copies, _SECONDS)
    return began


def test_callers_are_answered_all_along(callers: Any, rotated: int) -> None:
    assert set(callers.answers(rotated)) == {"200"}, callers.answers(rotated)


def test_every_service_goes_on_with_the_new_ones(
    api: Any,
    rotated: int,
    trained: tuple[dict[str, Any], str],
    in_pod: Callable[..., tuple[str, str]],
    answer: Callable[[], Mapping[str, Any]],
    logged: Callable[[str], bool],
    eventually: Wait,
) -> None:
    template = api.get("batch/v1", "CronJob", TEMPLATE, NAMESPACE)["spec"]["jobTemplate"]["spec"]["template"]
    phase, said = in_pod(NAMESPACE, template, "python", "-m", "pipelines.status")
    assert phase == "Succeeded", said
    assert json.loads(said.splitlines()[-1])["champion"]["run_id"] == trained[0]["run_id"]
    told = eventually(lambda: (found := answer())["degraded"] is False and found, 120)
    assert logged(told["request_id"]) is False


def test_the_old_ones_are_worth_nothing(rotated: int, secrets: Secrets, monitoring_pod: Callable[[str], str]) -> None:
    storage = secrets[credentials.STORAGE]
    program = OLD.format(
        password=secrets["pipelines-database"]["password"],
        key=storage["access-key-id"],
        secret=storage["secret-access-key"],
    )
    assert json.loads(monitoring_pod(program)) == {"postgres": True, "storage": "SignatureDoesNotMatch"}
