"""The deployed bundle: there only when chosen, and never cut off in the middle of a request."""

from collections.abc import Callable
from typing import Any

MakeAll = Callable[..., Any]
# BentoML's default time for a request, seconds.
REQUEST_SECONDS = 60


def pod(made: Any) -> dict[str, Any]:
    return made.one("Deployment", "serving")["spec"]["template"]["spec"]


def test_nothing_is_served_before_a_bundle_is_chosen(make_all: MakeAll) -> None:
    made = make_all(bundle=None)
    assert not [one for one in made.of("Deployment") if one["metadata"]["namespace"] == "serving"]


def test_the_chosen_bundle_comes_from_the_stacks_own_registry(make_all: MakeAll) -> None:
    assert pod(make_all(bundle="trip_duration:1a2b"))["containers"][0]["image"] == "registry/serving:1a2b"


def test_a_copy_that_is_taken_away_finishes_its_requests(make_all: MakeAll) -> None:
    specification = pod(make_all())
    drain = specification["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert drain >= 15
    assert specification["terminationGracePeriodSeconds"] - drain >= REQUEST_SECONDS


def test_bentomls_own_folder_is_writable_and_does_not_hide_the_bundle(make_all: MakeAll) -> None:
    container = pod(make_all())["containers"][0]
    (home,) = [one["value"] for one in container["env"] if one["name"] == "BENTOML_HOME"]
    assert home in [one["mountPath"] for one in container["volumeMounts"]]
    assert not home.startswith("/home/bentoml")


def test_it_is_given_no_credentials(make_all: MakeAll) -> None:
    container = pod(make_all())["containers"][0]
    assert not container.get("envFrom")
    assert not [one for one in container["env"] if "valueFrom" in one]


def test_an_autoscaler_alone_decides_on_copies_where_there_are_several(make_all: MakeAll) -> None:
    made = make_all("prod")
    scaler = made.one("HorizontalPodAutoscaler", "serving")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 12)
    assert "replicas" not in made.one("Deployment", "serving")["spec"]


def test_the_smallest_stack_has_one_copy_and_no_autoscaler(make_all: MakeAll) -> None:
    made = make_all("dev")
    assert made.of("HorizontalPodAutoscaler") == []
    assert made.one("Deployment", "serving")["spec"]["replicas"] == 1


def test_a_new_bundle_comes_up_before_the_old_one_goes(make_all: MakeAll) -> None:
    strategy = make_all("prod").one("Deployment", "serving")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}
