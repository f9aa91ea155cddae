"""The whole program of stack `local` under Pulumi's recording engine: nothing is started."""

import asyncio
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import settings as engine

from infra import outputs
from infra.local.embedded import EmbeddedPlatform
from infra.local.ports import HOST, assign
from infra.observability import rules
from infra.settings import LocalSettings

ROOT = Path(__file__).parents[2]
_PASSWORD = "generated-password"
_SECRET_MARK = "4dabf18193072939515e22adb298388d"


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Keeps each resource's inputs; passwords come out as the provider would make them."""

    made: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made[args.name] = (args.typ, args.inputs)
        made = {"value": _PASSWORD} if args.typ.endswith(":Password") else {}
        return f"{args.name}-id", {**args.inputs, **made, "status": "ready"}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Recorded:
    resources: dict[str, tuple[str, dict[str, Any]]]
    platform: EmbeddedPlatform

    def services(self) -> dict[str, dict[str, Any]]:
        """Every program by name, those of both slots of serving among them."""
        programs = [inputs["program"] for kind, inputs in self.resources.values() if kind.endswith(":Service")]
        for kind, inputs in self.resources.values():
            if kind.endswith(":Generation"):
                programs += [slot["program"] for slot in inputs["slots"].values()]
        return {program["name"]: program for program in map(revealed, programs)}


def revealed(value: Any) -> Any:
    """Inputs as the provider would see them: secrets without their wrapping."""
    if isinstance(value, dict):
        return revealed(value["value"]) if _SECRET_MARK in value else {k: revealed(v) for k, v in value.items()}
    return value


async def _settle() -> None:
    await pulumi.runtime.stack.wait_for_rpcs()


def record(**config: Any) -> Recorded:
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, preview=False)
    platform = EmbeddedPlatform("local", root=ROOT, settings=LocalSettings.model_validate(config))
    pulumi.runtime.sync_await._sync_await(_settle())
    return Recorded(recorder.made, platform)


@pytest.fixture(autouse=True)
def _fresh_engine() -> Iterator[None]:
    """Pulumi's recording engine wants a current event loop, which other tests may have closed."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    engine.reset_options()
    asyncio.set_event_loop(None)
    loop.close()


def test_every_promised_part_is_a_service() -> None:
    services = record(**{"bundle": "trip_duration:abc"}).services()
    promised = {
        "postgres",
        "object-store",
        "mlflow",
        "feast",
        "prometheus",
        "evidently",
        "monitor",
        "serving",
        "serving-blue",
    }
    assert promised <= set(services)


def test_nothing_is_served_before_a_bundle_is_chosen() -> None:
    assert not [name for name in record().services() if name.startswith("serving")]


def test_everything_listens_on_loopback_and_on_its_own_port() -> None:
    recorded = record(**{"port-base": 21000, "bundle": "trip_duration:abc"})
    for name, program in recorded.services().items():
        words = " ".join([*program["command"], *program["files"].values()])
        assert "0.0.0.0" not in words
        assert HOST in words or name == "feast", name
        assert "17" + "000" not in json.dumps(program)


def test_no_password_stands_on_a_command_line_or_in_a_plain_file() -> None:
    for name, program in record(**{"bundle": "trip_duration:abc"}).services().items():
        assert _PASSWORD not in json.dumps(program["command"]), name
        assert _PASSWORD not in json.dumps(program["health"]), name
        assert _PASSWORD not in json.dumps(program["files"]), name


def test_each_service_has_a_health_check_and_a_bounded_start() -> None:
    for program in record(**{"bundle": "trip_duration:abc"}).services().values():
        assert program["health"]
        assert 0 < program["startup_seconds"] <= 120


def test_the_contract_is_complete_and_its_addresses_follow_the_port_base() -> None:
    platform = record(**{"port-base": 21000}).platform
    exported = outputs.exported(platform.values)
    assert {o.name for o in outputs.OUTPUTS if not o.optional} <= set(exported)
    assert exported["mlflow_tracking_uri"] == f"http://127.0.0.1:{assign(21000)['mlflow']}"


def prometheus_config() -> dict[str, Any]:
    files = record(**{"bundle": "trip_duration:abc"}).services()["prometheus"]["files"]
    (config,) = (text for path, text in files.items() if path.endswith("prometheus.yml"))
    return yaml.safe_load(config)


def test_prometheus_scrapes_every_service_that_has_metrics() -> None:
    config = prometheus_config()
    assert {job["job_name"] for job in config["scrape_configs"]} == {
        "alertmanager",
        "feast",
        "mlflow",
        "monitor",
        "prometheus",
        "serving",
    }


def test_what_is_served_does_not_restart_the_monitor_which_may_be_releasing_it() -> None:
    told = [
        record(**config).services()["monitor"]
        for config in (
            {},
            {"bundle": "trip_duration:abc"},
            {"bundle": "trip_duration:def", "traffic": {"champion": "7", "challenger": "8", "mode": "shadow"}},
        )
    ]
    assert told[0] == told[1] == told[2]


def test_the_monitor_releases_with_the_patience_that_is_set_or_not_at_all() -> None:
    def command(**said: object) -> list[str]:
        environment = record(monitor=said).services()["monitor"]["environment"]
        return shlex.split(environment["KEELSON_RELEASE_COMMAND"])

    python, *words = command(**{"release-seconds": 60})
    assert python == sys.executable
    assert words[:5] == ["-m", "infra.local.release", "release", "--patience", "60"]
    assert command(releases=False) == []


def test_prometheus_has_the_rules() -> None:
    files = record().services()["prometheus"]["files"]
    (rule_file,) = prometheus_config()["rule_files"]
    assert json.loads(files[rule_file]) == rules.file(rules.of_local_stack())


def test_serving_has_at_least_two_workers() -> None:
    environment = record(**{"bundle": "trip_duration:abc"}).services()["serving-blue"]["environment"]
    assert environment["BENTOML_CONFIG_OPTIONS"] == "services.trip_duration.workers=2"


def test_generations_share_neither_port_nor_folder_and_the_proxy_keeps_the_contracts_address() -> None:
    recorded = record(**{"bundle": "trip_duration:abc"})
    blue, green = (recorded.services()[f"serving-{slot}"] for slot in ("blue", "green"))
    assert blue["health"] != green["health"]
    assert blue["environment"]["BENTOML_HOME"] != green["environment"]["BENTOML_HOME"]
    (config,) = recorded.services()["serving"]["files"].values()
    address = outputs.exported(recorded.platform.values)["serving_url"]
    assert json.loads(config)["apps"]["http"]["servers"]["serving"]["listen"] == [str(address).removeprefix("http://")]


def test_traffic_is_a_file_beside_the_service_and_changes_nothing_of_it() -> None:
    said = {"champion": "7", "challenger": "9", "mode": "shadow"}
    without = record(**{"bundle": "trip_duration:abc"})
    with_traffic = record(**{"bundle": "trip_duration:abc", "traffic": said})
    assert without.services() == with_traffic.services()
    assert not [name for name, (kind, _) in without.resources.items() if kind.endswith(":Traffic")]
    (inputs,) = [inputs for kind, inputs in with_traffic.resources.values() if kind.endswith(":Traffic")]
    assert json.loads(inputs["content"]) == said
    for slot in ("blue", "green"):
        assert with_traffic.services()[f"serving-{slot}"]["environment"]["KEELSON_TRAFFIC_FILE"] == inputs["path"]


def test_a_contract_with_a_missing_or_unknown_value_is_refused() -> None:
    values: dict[str, Any] = {output.name: "x" for output in outputs.OUTPUTS}
    assert set(outputs.exported(values)) == set(values)
    del values["region"]
    with pytest.raises(ValueError, match="region"):
        outputs.exported(values)
    with pytest.raises(ValueError, match="colour"):
        outputs.exported({**values, "region": "x", "colour": "blue"})
