"""Stack files are validated once, and a wrong one is refused with one sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import settings


def load(**config: object) -> settings.LocalSettings:
    loaded = settings.load("local", "keelson", {f"keelson:{key.replace('_', '-')}": v for key, v in config.items()})
    assert isinstance(loaded, settings.LocalSettings)
    return loaded


def traffic(**said: object) -> dict[str, str]:
    """Pulumi hands structures over as JSON."""
    return {"keelson:bundle": "trip_duration:abc123", "keelson:traffic": json.dumps(said)}


def monitor(**said: object) -> dict[str, str]:
    return {"keelson:monitor": json.dumps(said)}


def clock(**said: object) -> dict[str, str]:
    return monitor(clock={"at": "2026-11-28T07:00:00Z", "shows": "2026-03-01T00:00:00Z", **said})


def test_an_empty_stack_file_gives_the_defaults() -> None:
    chosen = load()
    assert (chosen.port_base, chosen.serving_workers, chosen.bundle) == (17000, 2, None)


def test_values_arrive_as_strings_from_pulumi() -> None:
    chosen = load(port_base="18000", bundle="trip_duration:abc123")
    assert (chosen.port_base, chosen.bundle) == (18000, "trip_duration:abc123")


def test_traffic_takes_versions_as_digits_or_as_the_numbers_that_pulumi_makes_of_them() -> None:
    said = settings.load("local", "keelson", traffic(champion=7, challenger="09", mode="canary", percent=25))
    assert isinstance(said, settings.LocalSettings)
    assert said.traffic == settings.TrafficSettings(champion="7", challenger="09", mode="canary", percent=25)
    plain = settings.load("local", "keelson", traffic(champion="7"))
    assert isinstance(plain, settings.LocalSettings)
    assert plain.traffic == settings.TrafficSettings(champion="7", mode="off")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"keelson:port-bse": "18000"}, ["keelson:port-bse", "not known", "port-base"]),
        ({"keelson:port-base": "eighty"}, ["keelson:port-base", "'eighty'", "integer"]),
        ({"keelson:port-base": "80"}, ["keelson:port-base", "80", "1024"]),
        ({"keelson:port-base": "65530"}, ["keelson:port-base", "65530", "65515"]),
        ({"keelson:serving-workers": "1"}, ["keelson:serving-workers", "1", "2"]),
        ({"keelson:feature-lookup": "maybe"}, ["keelson:feature-lookup", "'maybe'", "optional"]),
        ({"keelson:bundle": "latest"}, ["keelson:bundle", "'latest'", "serving.bundle"]),
        (traffic(mode="off"), ["keelson:traffic.champion", "missing", "model version"]),
        (traffic(champion="seven"), ["keelson:traffic.champion", "'seven'", "model version"]),
        (traffic(champion="7", chalenger="9"), ["keelson:traffic.chalenger", "not known", "challenger"]),
        (traffic(champion="7", challenger=-9, mode="shadow"), ["keelson:traffic.challenger", "'-9'"]),
        (traffic(champion="7", challenger="9", mode="half"), ["keelson:traffic.mode", "'half'", "'canary'"]),
        (traffic(champion="7", challenger="7", mode="shadow"), ["keelson:traffic", "both 7", "differ"]),
        (traffic(champion="7", mode="shadow"), ["keelson:traffic", "mode shadow needs traffic.challenger"]),
        (traffic(champion="7", challenger="9", mode="canary"), ["keelson:traffic", "needs traffic.percent"]),
        (traffic(champion="7", challenger="9", mode="shadow", percent=5), ["traffic.percent belongs to mode canary"]),
        (traffic(champion="7", challenger="9", mode="canary", percent=101), ["keelson:traffic.percent", "101", "100"]),
        (traffic(champion="7", challenger="9", mode="canary", percent=5.5), ["keelson:traffic.percent", "5.5"]),
        ({"keelson:traffic": '{"champion": "7"}'}, ["no bundle is set"]),
        (monitor(window=3600), ["keelson:monitor.window", "not known", "window-seconds"]),
        (monitor(**{"window-seconds": 60}), ["keelson:monitor.window-seconds", "60", "3600"]),
        (monitor(**{"interval-seconds": 0}), ["keelson:monitor.interval-seconds", "0.5"]),
        (monitor(**{"delay-seconds": "soon"}), ["keelson:monitor.delay-seconds", "'soon'"]),
        (monitor(releases="perhaps"), ["keelson:monitor.releases", "'perhaps'"]),
        (monitor(state="No such"), ["keelson:monitor.state", "'No such'"]),
        (clock(speed=0.5), ["keelson:monitor.clock.speed", "0.5"]),
        (clock(at="2026-11-28T07:00:00"), ["keelson:monitor.clock.at", "2026-11-28T07:00:00"]),
        (monitor(clock={"speed": 60}), ["keelson:monitor.clock.at", "missing"]),
    ],
)
def test_a_wrong_setting_is_refused_by_one_sentence_that_names_it(config: dict[str, str], told: list[str]) -> None:
    with pytest.raises(settings.SettingsError) as refusal:
        settings.load("local", "keelson", config)
    sentence = str(refusal.value)
    assert all(word in sentence for word in told), sentence
    assert "\n" not in sentence
    assert "Pulumi.local.yaml" in sentence


def test_an_unknown_stack_is_refused_by_name() -> None:
    with pytest.raises(
        settings.SettingsError, match=r"'lokal' is not known; allowed: cluster, dev, local, prod, staging"
    ):
        settings.load("lokal", "keelson", {})


def test_keys_of_other_namespaces_are_not_ours() -> None:
    assert settings.load("local", "keelson", {"aws:region": "eu-west-1"}) == settings.LocalSettings()


@given(port=st.integers())
def test_every_accepted_port_base_leaves_room_for_all_ports(port: int) -> None:
    try:
        chosen = load(port_base=port)
    except settings.SettingsError:
        assert port < 1024 or port + settings.PORTS_PER_STACK > 65535
    else:
        assert 1024 <= chosen.port_base <= 65535 - settings.PORTS_PER_STACK
