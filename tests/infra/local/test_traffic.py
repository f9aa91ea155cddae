"""The file that says which model versions answer, and the refusal of versions that the bundle does not hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.provider import READY
from infra.local.traffic import TrafficProvider
from infra.settings import TrafficSettings
from infra.settings.traffic import content

BUNDLE = "trip_duration:abc"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    made = tmp_path / "bundle.json"
    made.write_text(json.dumps({"variants": [{"model_version": "7"}, {"model_version": "9"}]}))
    return made


def props(manifest: Path, **traffic: Any) -> dict[str, Any]:
    said = content(TrafficSettings.model_validate(traffic))
    path = manifest.parent / "serving" / "traffic.json"
    return {"path": str(path), "content": said, "bundle": BUNDLE, "manifest": str(manifest)}


@pytest.mark.parametrize(
    "traffic",
    [
        {"champion": "7", "mode": "off"},
        {"champion": "7", "challenger": "9", "mode": "shadow"},
        {"champion": "9", "challenger": "7", "mode": "canary", "percent": 0},
    ],
)
def test_the_file_says_what_was_set_and_nothing_else(manifest: Path, traffic: dict[str, Any]) -> None:
    described = props(manifest, **traffic)
    assert TrafficProvider().check({}, described).failures == []
    TrafficProvider().create(described)
    file = Path(described["path"])
    assert json.loads(file.read_text()) == traffic
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    TrafficProvider().delete("traffic", described)
    assert not file.exists()


def test_refresh_sees_a_file_that_was_changed(manifest: Path) -> None:
    described = props(manifest, champion="7")
    TrafficProvider().create(described)
    assert TrafficProvider().observe(described) == READY
    Path(described["path"]).write_text("{}")
    assert TrafficProvider().observe(described) == "changed"


def refusal(described: dict[str, Any]) -> str:
    (failure,) = TrafficProvider().check({}, described).failures
    return failure.reason


def test_versions_that_the_bundle_does_not_hold_are_named_with_those_that_it_holds(manifest: Path) -> None:
    said = refusal(props(manifest, champion="8", challenger="10", mode="shadow"))
    assert "names model version 8 and 10, which bundle trip_duration:abc does not hold; it holds 7, 9" in said


@pytest.mark.parametrize("written", ['{"provenance": {"model_version": "7"}}', "{", "[]", '{"variants": [7]}'])
def test_a_bundle_that_does_not_list_its_variants_is_to_be_built_again(manifest: Path, written: str) -> None:
    manifest.write_text(written)
    assert "does not list its variants" in refusal(props(manifest, champion="7"))
    assert "python -m serving.bundle" in refusal(props(manifest, champion="7"))


def test_a_bundle_that_is_not_in_the_store_is_named(manifest: Path) -> None:
    manifest.unlink()
    assert "Bundle trip_duration:abc is not in the store" in refusal(props(manifest, champion="7"))
