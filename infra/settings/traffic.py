"""Who answers callers: a setting of every stack that serves a bundle."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from infra.settings.schema import Settings


def _as_text(value: Any) -> Any:
    """`pulumi config set --path` writes digits as a number."""
    return str(value) if type(value) is int else value


FeatureLookup = Annotated[
    Literal["required", "optional", "off"],
    Field(
        description="without online features, requests are refused (required), or the contract's defaults stand in "
        "(optional); off: they always do"
    ),
]
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


def content(traffic: TrafficSettings) -> str:
    """The file that the service reads: ``champion``, ``mode`` and, where given, ``challenger`` and ``percent``."""
    return json.dumps(traffic.model_dump(exclude_none=True)) + "\n"
