"""The stack's settings of the monitor are those that the monitor reads."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.settings.monitor import MonitorSettings, environment
from monitoring.clock import Clock
from monitoring.settings import MonitoringSettings

AT, SHOWS = datetime(2026, 11, 28, 7, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
CLOCK = {"at": AT.isoformat(), "shows": SHOWS.isoformat(), "speed": 2880}


def read(monkeypatch: pytest.MonkeyPatch, **said: object) -> MonitoringSettings:
    """What the monitor reads where the stack says this."""
    settings = MonitorSettings.model_validate({name.replace("_", "-"): value for name, value in said.items()})
    known = {str(field.validation_alias) for field in MonitoringSettings.model_fields.values()}
    assert environment(settings).keys() <= known
    monkeypatch.setenv("KEELSON_PREDICTION_LOG", "/journals")
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    return MonitoringSettings()  # pyright: ignore[reportCallIssue]


def test_where_nothing_is_said_both_have_the_same_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEELSON_PREDICTION_LOG", "/journals")
    plain = MonitoringSettings()  # pyright: ignore[reportCallIssue]
    assert read(monkeypatch) == plain


def test_what_is_said_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch,
        window_seconds=7200,
        delay_seconds=60,
        interval_seconds=0.5,
        collect_seconds=1,
        state="demo",
        clock=CLOCK,
    )
    assert (settings.window, settings.delay) == (timedelta(hours=2), timedelta(minutes=1))
    assert (settings.interval_seconds, settings.collect_seconds) == (0.5, 1)
    assert settings.database_schema == "demo"
    assert settings.clock == Clock(AT, SHOWS, 2880)
