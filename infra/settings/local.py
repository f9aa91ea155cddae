"""Settings of stack ``local``, with their defaults."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from infra.settings.schema import Settings

# Ports that one local stack needs, counted from its port base; infra/local/ports.py hands them out.
PORTS_PER_STACK = 20


def _as_text(value: Any) -> Any:
    """`pulumi config set --path` writes digits as a number."""
    return str(value) if type(value) is int else value


ModelVersion = Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^[0-9]+$")]


class TrafficSettings(Settings):
    """Which model versions of the deployed bundle answer requests."""

    champion: Annotated[ModelVersion, Field(description="the model version that answers, as the registry numbers it")]
    challenger: Annotated[
        ModelVersion | None, Field(description="the model version that is tried, as the registry numbers it")
    ] = None
    mode: Annotated[
        Literal["off", "shadow", "canary"],
        Field(
            description="off: champion only; shadow: the challenger's answers are only logged; canary: it answers some"
        ),
    ] = "off"
    percent: Annotated[
        int | None, Field(ge=0, le=100, description="the share of requests that a canary answers, in percent")
    ] = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.challenger == self.champion:
            raise ValueError(f"champion and challenger are both {self.champion}; they must differ")
        if self.mode != "off" and self.challenger is None:
            raise ValueError(f"mode {self.mode} needs traffic.challenger")
        if self.mode == "canary" and self.percent is None:
            raise ValueError("mode canary needs traffic.percent, from 0 to 100")
        if self.mode != "canary" and self.percent is not None:
            raise ValueError(f"traffic.percent belongs to mode canary, and mode is {self.mode}")
        return self


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

    @model_validator(mode="after")
    def _traffic_needs_a_bundle(self) -> Self:
        if self.traffic is not None and self.bundle is None:
            raise ValueError("traffic names model versions of a bundle, and no bundle is set")
        return self
