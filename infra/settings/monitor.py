"""How the monitor watches: a setting of stack ``local``."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from infra.settings.schema import Settings


class ClockSettings(Settings):
    """Another clock than the wall's, for demonstrations and tests."""

    at: Annotated[AwareDatetime, Field(description="a time of the wall's clock")]
    shows: Annotated[AwareDatetime, Field(description="what the monitor's clock shows at that time")]
    speed: Annotated[float, Field(ge=1, le=100_000, description="how many times as fast it runs from then on")] = 1


class MonitorSettings(Settings):
    """How the monitor watches."""

    interval_seconds: Annotated[
        float, Field(ge=0.5, le=3600, description="how often it looks whether something is due")
    ] = 30
    collect_seconds: Annotated[
        int, Field(ge=0, le=86_400, description="how long what was logged waits at most until it is in the tables")
    ] = 300
    window_seconds: Annotated[int, Field(ge=3600, le=7 * 86_400, description="length of a window")] = 86_400
    delay_seconds: Annotated[
        int, Field(ge=0, le=7 * 86_400, description="how long after its end a window is looked at, for its labels")
    ] = 18_000
    releases: Annotated[
        bool, Field(description="release what a retraining made; without it a version waits for `make release`")
    ] = True
    release_seconds: Annotated[
        int, Field(ge=10, le=86_400, description="how long a stage of a release may take before it holds")
    ] = 3600
    release_interval_seconds: Annotated[
        float, Field(ge=0.5, le=3600, description="how often a release looks at the logs")
    ] = 10
    state: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$", description="name under which it keeps what it knows")
    ] = "monitor"
    clock: Annotated[ClockSettings | None, Field(description="another clock, for demonstrations")] = None


def environment(settings: MonitorSettings) -> dict[str, str]:
    """The variables that ``monitoring.settings`` reads."""
    found = {
        "KEELSON_MONITOR_INTERVAL_SECONDS": str(settings.interval_seconds),
        "KEELSON_MONITOR_COLLECT_SECONDS": str(settings.collect_seconds),
        "KEELSON_MONITOR_WINDOW_SECONDS": str(settings.window_seconds),
        "KEELSON_MONITOR_DELAY_SECONDS": str(settings.delay_seconds),
        "KEELSON_MONITOR_SCHEMA": settings.state,
    }
    if settings.clock is not None:
        found |= {
            "KEELSON_MONITOR_CLOCK_AT": settings.clock.at.isoformat(),
            "KEELSON_MONITOR_CLOCK_SHOWS": settings.clock.shows.isoformat(),
            "KEELSON_MONITOR_CLOCK_SPEED": str(settings.clock.speed),
        }
    return found
