"""Settings of stack ``local``, with their defaults."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.monitor import MonitorSettings
from infra.settings.schema import Settings
from infra.settings.traffic import FeatureLookup, TrafficSettings

# Ports that one local stack needs, counted from its port base; infra/local/ports.py hands them out.
PORTS_PER_STACK = 20


class LocalSettings(Settings):
    """Settings of stack ``local``; the configuration keys are the field names with hyphens."""

    port_base: Annotated[
        int,
        Field(ge=1024, le=65535 - PORTS_PER_STACK, description="the first of the stack's ports on 127.0.0.1"),
    ] = 17000
    serving_workers: Annotated[
        int,
        Field(ge=2, le=64, description="serving processes; with two, a killed one costs the request in flight"),
    ] = 2
    bundle: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9_]*:[a-z0-9]+$",
            description="tag of the deployed bundle, as printed by `python -m serving.bundle`",
        ),
    ] = None
    alert_webhook: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s]+$", description="address that is told of alerts; without it they are only shown"
        ),
    ] = None
    traffic: Annotated[
        TrafficSettings | None, Field(description="the model versions of the deployed bundle that answer")
    ] = None
    feature_lookup: FeatureLookup = "required"
    monitor: Annotated[MonitorSettings, Field(description="how the monitor watches")] = MonitorSettings()

    @model_validator(mode="after")
    def _traffic_needs_a_bundle(self) -> Self:
        if self.traffic is not None and self.bundle is None:
            raise ValueError("traffic names model versions of a bundle, and no bundle is set")
        return self
