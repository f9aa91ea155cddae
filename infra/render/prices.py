"""The price table, read into frozen objects; a price without a source is refused."""

import datetime
import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FILE = Path(__file__).with_name("prices.toml")

HOURS = 730


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Frozen):
    """USD for one unit, and where the figure comes from."""

    usd: float = Field(gt=0)
    unit: str = "hour"
    source: str
    approximate: bool = False

    @property
    def monthly(self) -> float:
        """USD for one unit over a month of 730 hours."""
        return self.usd * HOURS if self.unit.endswith("hour") else self.usd


class Spot(_Frozen):
    """Share of the on-demand price that spot capacity costs."""

    share: float = Field(gt=0, le=1)
    source: str


class Load(_Frozen):
    """A month's use of one stack; gigabytes, hours, and thousands of requests."""

    gpu_hours: float
    cpu_worker_hours: float
    cpu_worker_type: str
    nat_gb: float
    lcu: float
    bucket_gb: float
    image_gb: float
    log_gb: float
    flow_log_gb: float
    thousand_writes: float
    internet_gb: float


class Rest(_Frozen):
    """What a stack stores and writes that nobody uses, GB."""

    bucket_gb: float
    image_gb: float
    log_gb: float
    flow_log_gb: float
    snapshot_gb: float


class Prices(_Frozen):
    """Everything in ``prices.toml``."""

    dated: datetime.date
    region: str
    sources: Mapping[str, str]
    prices: Mapping[str, Price]
    instances: Mapping[str, Price]
    spot: Spot
    databases: Mapping[str, Price]
    load: Load
    rest: Rest

    @model_validator(mode="before")
    @classmethod
    def _one_source_for_all_instances(cls, table: dict[str, Any]) -> dict[str, Any]:
        hourly = dict(table["instances"])
        source = hourly.pop("source", "")
        return {**table, "instances": {name: {"usd": usd, "source": source} for name, usd in hourly.items()}}

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        named = [*self.prices.items(), *self.instances.items(), *self.databases.items(), ("spot", self.spot)]
        for name, price in named:
            if price.source not in self.sources:
                raise ValueError(
                    f"the price of {name} names the source {price.source!r}, which [sources] does not have"
                )
        return self


@functools.cache
def prices() -> Prices:
    """The table beside this module.

    Raises:
        pydantic.ValidationError: It has a wrong key or value, or a price without a source.
    """
    return Prices.model_validate(tomllib.loads(FILE.read_text()))
