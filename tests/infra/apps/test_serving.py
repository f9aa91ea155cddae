"""The deployed bundle: there only when chosen, never cut off in the middle of a request, and told who answers."""

import json
from collections.abc import Callable
from typing import Any

from components.platform import TableStore
from infra.apps.serving import BENTOML_USER, MEASURED, REQUESTS_PER_SECOND, Measured, size
from serving.settings import FeatureLookup
from serving.traffic import Traffic

MakeAll = Callable[..., Any]
# BentoML's default time for a request, seconds.
REQUEST_SECONDS = 60
CANARY = {"champion": "7", "challenger": "8", "mode": "canary", "percent": 5}


def pod(made: Any) -> dict[str, Any]:
    return made.one("Rollout", "serving")["spec"]["template"]["spec"]


def variable(made: Any, name: str) -> str:
    (value,) = [one["value"] for one in pod(made)["containers"][0]["env"] if one["name"] == name]
    return value


def mounted(made: Any, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The mount that holds ``path``, and its volume."""
    (mount,) = [one for one in pod(made)["containers"][0]["volumeMounts"] if path.startswith(one["mountPath"])]
    (volume,) = [one for one in pod(made)["volumes"] if one["name"] == mount["name"]]
    return mount, volume


def test_nothing_is_served_before_a_bundle_is_chosen(make_all: MakeAll) -> None:
    made = make_all(bundle=None)
    assert made.servers("serving") == made.of("AnalysisTemplate") == made.of("ConfigMap", "serving") == []


def test_the_chosen_bundle_comes_from_the_stacks_own_registry(make_all: MakeAll) -> None:
    assert pod(make_all(bundle="trip_duration:1a2b"))["containers"][0]["image"] == "registry/serving:1a2b"


def test_a_copy_that_is_taken_away_finishes_its_requests(make_all: MakeAll) -> None:
    specification = pod(make_all())
    drain = specification["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert drain >= 15
    assert specification["terminationGracePeriodSeconds"] - drain >= REQUEST_SECONDS


def test_bentomls_own_folder_is_writable_and_does_not_hide_the_bundle(make_all: MakeAll) -> None:
    container = pod(make_all())["containers"][0]
    home = variable(make_all(), "BENTOML_HOME")
    assert home in [one["mountPath"] for one in container["volumeMounts"]]
    assert not home.startswith("/home/bentoml")


def test_what_a_pod_has_logged_is_taken_in_beside_the_bundle_until_after_it_has_ended(make_all: MakeAll) -> None:
    made = make_all()
    (beside,) = pod(made)["initContainers"]
    # Kubernetes starts it before the bundle, keeps it running, and ends it after.
    assert beside["restartPolicy"] == "Always"
    assert beside["command"] == ["python", "-m", "monitoring.collect"]
    assert beside["image"].startswith("registry/components:")
    said = {one["name"]: one.get("value") for one in beside["env"]}
    assert said["KEELSON_PREDICTION_LOG"] == variable(made, "KEELSON_PREDICTION_LOG")
    mounts = [*beside["volumeMounts"], *pod(made)["containers"][0]["volumeMounts"]]
    assert len([one for one in mounts if one["mountPath"] == said["KEELSON_PREDICTION_LOG"]]) == 2
    # Files of the journals can be read by their owner alone.
    assert beside["securityContext"]["runAsUser"] == BENTOML_USER


def test_what_collects_is_told_what_tables_need_and_no_more(make_all: MakeAll) -> None:
    made = make_all()
    (beside,) = pod(made)["initContainers"]
    needed = {str(one.validation_alias) for one in TableStore.model_fields.values() if one.is_required()}
    named = {one["name"] for one in beside["env"]}
    assert needed <= named
    assert not beside.get("envFrom")
    secrets = {one["valueFrom"]["secretKeyRef"]["name"] for one in beside["env"] if "valueFrom" in one}
    assert secrets == {"log-lock-database"}
    (copied,) = made.one("ExternalSecret", "log-lock-database", "serving")["spec"]["data"]
    assert copied["remoteRef"] == {"key": "keelson/log-lock-database", "property": "uri"}


def test_the_stack_says_what_it_does_without_online_features(make_all: MakeAll) -> None:
    assert variable(make_all(), "KEELSON_FEATURE_LOOKUP") == FeatureLookup.REQUIRED
    for lookup in FeatureLookup:
        assert variable(make_all(feature_lookup=lookup.value), "KEELSON_FEATURE_LOOKUP") == lookup


def test_it_is_given_no_credentials(make_all: MakeAll) -> None:
    container = pod(make_all())["containers"][0]
    assert not container.get("envFrom")
    assert not [one for one in container["env"] if "valueFrom" in one]


def test_the_policy_of_the_stack_reaches_the_service_in_words_that_it_understands(make_all: MakeAll) -> None:
    made = make_all(traffic=CANARY)
    path = variable(made, "KEELSON_TRAFFIC_FILE")
    mount, volume = mounted(made, path)
    file = path.removeprefix(mount["mountPath"] + "/")
    said = made.one("ConfigMap", volume["configMap"]["name"], "serving")["data"][file]
    assert Traffic.model_validate_json(said) == Traffic(**CANARY)
    assert "{" + said.partition("{")[2] == json.dumps(json.loads(said)) + "\n"


def test_a_change_of_the_policy_restarts_nothing(make_all: MakeAll) -> None:
    rollouts = [
        make_all(traffic=traffic).one("Rollout", "serving") for traffic in (None, {"champion": "7"}, {**CANARY})
    ]
    assert rollouts[0] == rollouts[1] == rollouts[2]


def test_a_change_of_the_policy_reaches_pods_that_run(make_all: MakeAll) -> None:
    """The kubelet never renews a file that is mounted by itself."""
    made = make_all(traffic=CANARY)
    mount, volume = mounted(made, variable(made, "KEELSON_TRAFFIC_FILE"))
    assert not {"subPath", "subPathExpr"} & set(mount)
    assert not {"items", "optional"} & set(volume["configMap"])
    assert not made.one("ConfigMap", volume["configMap"]["name"], "serving").get("immutable")


def test_a_full_prediction_log_costs_no_answer(make_all: MakeAll) -> None:
    """A pod whose emptyDir is fuller than its limit is evicted; a disk of its own only refuses the write."""
    made = make_all()
    mount, volume = mounted(made, variable(made, "KEELSON_PREDICTION_LOG"))
    assert not mount.get("readOnly")
    claim = volume["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["accessModes"] == ["ReadWriteOnce"]
    assert claim["resources"]["requests"]["storage"] == "10Gi"


def test_it_asks_for_what_was_measured(make_all: MakeAll) -> None:
    asked = pod(make_all())["containers"][0]["resources"]["requests"]
    assert int(asked["cpu"].removesuffix("m")) == MEASURED.milliseconds * REQUESTS_PER_SECOND
    assert int(asked["memory"].removesuffix("Mi")) * 2**20 > MEASURED.megabytes * 10**6


def test_a_dearer_request_asks_for_more() -> None:
    cheap, dear = (size(Measured(milliseconds=ms, megabytes=300)) for ms in (2.0, 8.0))
    assert dear.cpu == 4 * cheap.cpu
    assert dear.memory == cheap.memory
