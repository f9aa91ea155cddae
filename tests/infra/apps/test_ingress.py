"""Pages: none without sign-in, and each behind it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.apps.ingress import PAGES

MakeAll = Callable[..., Any]
DOMAIN = "ml.example.com"
ALB = "alb.ingress.kubernetes.io"


@pytest.fixture
def pages(make_all: MakeAll, sign_in: Any) -> Any:
    return make_all("prod", sign_in=sign_in)


def proxy(pages: Any, name: str) -> dict[str, Any]:
    return pages.one("Deployment", f"sign-in-{name}")["spec"]["template"]["spec"]["containers"][0]


def test_without_sign_in_no_page_is_public(make_all: MakeAll) -> None:
    made = make_all("prod")
    assert made.of("Ingress") == []
    assert not [one for one in made.of("Deployment") if one["metadata"]["namespace"] == "ingress"]


def test_nothing_but_the_load_balancer_is_reached_from_outside(pages: Any) -> None:
    assert {one["spec"]["type"] for one in pages.of("Service")} == {"ClusterIP"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_goes_to_its_sign_in_and_from_there_to_its_service(pages: Any, name: str) -> None:
    (rule,) = pages.one("Ingress", name, "ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert rule["host"] == f"{name}.{DOMAIN}"
    assert path["backend"]["service"]["name"] == f"sign-in-{name}"
    assert f"--upstream={PAGES[name].upstream}" in proxy(pages, name)["args"]


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.namespace in ("mlflow", "feast")])
def test_the_service_behind_a_page_is_there(pages: Any, name: str) -> None:
    page = PAGES[name]
    ports = pages.one("Service", page.service, page.namespace)["spec"]["ports"]
    assert page.port in [one["port"] for one in ports]


@pytest.mark.parametrize("name", PAGES)
def test_only_people_of_the_domain_are_let_in_and_cookies_are_for_https_only(pages: Any, name: str) -> None:
    arguments = proxy(pages, name)["args"]
    assert "--email-domain=example.com" in arguments
    assert {"--cookie-secure=true", "--cookie-httponly=true", "--cookie-samesite=lax"} <= set(arguments)
    assert "--trusted-proxy-ip=10.30.0.0/16" in arguments
    assert not [one for one in arguments if one.startswith(("--skip-auth", "--email-domain=*"))]


@pytest.mark.parametrize("name", PAGES)
def test_secrets_reach_the_proxy_as_files(pages: Any, name: str) -> None:
    arguments = proxy(pages, name)["args"]
    assert not [one for one in arguments if one.startswith(("--client-secret=", "--cookie-secret="))]
    assert not [one for one in proxy(pages, name)["env"] if "SECRET" in one["name"]]


def test_all_pages_share_one_load_balancer_that_speaks_https(pages: Any) -> None:
    notes = [one["metadata"]["annotations"] for one in pages.of("Ingress")]
    assert len({note[f"{ALB}/group.name"] for note in notes}) == 1
    for note in notes:
        assert note[f"{ALB}/ssl-redirect"] == "443"
        assert {"HTTPS": 443} in json.loads(note[f"{ALB}/listen-ports"])
        assert "TLS13" in note[f"{ALB}/ssl-policy"]


def test_the_api_of_kubeflow_pipelines_has_no_page(pages: Any) -> None:
    assert "ml-pipeline" not in {page.service for page in PAGES.values()}
