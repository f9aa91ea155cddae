"""Every image can be moved behind one registry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import settings
from infra.apps.images import normalised, parts, prefixed
from infra.settings import CloudSettings


def stack(prefix: str | None = None) -> CloudSettings:
    config = {"keelson:images": {"prefix": prefix}} if prefix else {}
    loaded = settings.load("dev", "keelson", config)
    assert isinstance(loaded, CloudSettings)
    return loaded


names = st.from_regex(r"[a-z][a-z0-9]{0,8}(/[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True)
registries = st.sampled_from(["", "quay.io/", "localhost:5000/", "123456789012.dkr.ecr.us-east-1.amazonaws.com/"])
tags = st.sampled_from([":1.2.3", ":v1", "@sha256:" + "a" * 64, ":v1@sha256:" + "b" * 64])
images = st.builds(lambda registry, name, tag: registry + name + tag, registries, names, tags)
prefixes = st.sampled_from(["registry.example.com", "registry.example.com:5000/mirror", "10.0.0.1:5000/a/b"])


@given(image=images)
def test_without_a_prefix_only_the_registry_is_spelled_out(image: str) -> None:
    assert prefixed(image, stack()) == normalised(image)


@given(image=images, prefix=prefixes)
def test_a_prefix_keeps_the_whole_address_below_it(image: str, prefix: str) -> None:
    assert prefixed(image, stack(prefix)).removeprefix(f"{prefix}/") == normalised(image)


@given(image=images, prefix=prefixes)
def test_a_prefix_is_put_on_once(image: str, prefix: str) -> None:
    once = prefixed(image, stack(prefix))
    assert prefixed(once, stack(prefix)) == once


@given(image=images)
def test_an_image_with_its_registry_spelled_out_stays(image: str) -> None:
    assert normalised(normalised(image)) == normalised(image)


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("mysql:8.4", "docker.io/library/mysql:8.4"),
        ("grafana/grafana:13", "docker.io/grafana/grafana:13"),
        ("localhost/a:1", "localhost/a:1"),
        ("registry:5000/a:1", "registry:5000/a:1"),
    ],
)
def test_docker_hub_is_where_a_short_name_lives(image: str, full: str) -> None:
    assert normalised(image) == full


def test_the_parts_of_an_image_are_what_charts_ask_for() -> None:
    assert parts("quay.io/jetstack/cert-manager-controller:v1") == ("quay.io", "jetstack/cert-manager-controller", "v1")


def test_an_image_without_a_tag_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'quay\.io/a/b' has no tag"):
        parts("quay.io/a/b")
