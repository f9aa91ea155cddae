"""Stack files are validated once, and a wrong one is refused with one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import settings


def load(**config: object) -> settings.LocalSettings:
    loaded = settings.load("local", "keelson", {f"keelson:{key.replace('_', '-')}": v for key, v in config.items()})
    assert isinstance(loaded, settings.LocalSettings)
    return loaded


def test_an_empty_stack_file_gives_the_defaults() -> None:
    chosen = load()
    assert (chosen.port_base, chosen.serving_workers, chosen.bundle) == (17000, 2, None)


def test_values_arrive_as_strings_from_pulumi() -> None:
    chosen = load(port_base="18000", bundle="trip_duration:abc123")
    assert (chosen.port_base, chosen.bundle) == (18000, "trip_duration:abc123")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"keelson:port-bse": "18000"}, ["keelson:port-bse", "not known", "port-base"]),
        ({"keelson:port-base": "eighty"}, ["keelson:port-base", "'eighty'", "integer"]),
        ({"keelson:port-base": "80"}, ["keelson:port-base", "80", "1024"]),
        ({"keelson:port-base": "65530"}, ["keelson:port-base", "65530", "65515"]),
        ({"keelson:serving-workers": "1"}, ["keelson:serving-workers", "1", "2"]),
        ({"keelson:bundle": "latest"}, ["keelson:bundle", "'latest'", "serving.bundle"]),
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
    with pytest.raises(settings.SettingsError, match=r"'lokal' is not known; allowed: dev, local, prod, staging"):
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
