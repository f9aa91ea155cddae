"""The price table: every figure has a source, and nothing else is taken."""

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from infra.render.prices import FILE, Prices, prices


def table(**changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**tomllib.loads(FILE.read_text()), **changes}


def row(**changes: Any) -> Mapping[str, Any]:
    return {"db.t4g.micro": {"usd": 0.016, "source": "infratally", **changes}}


@pytest.mark.parametrize("place", ["prices", "databases"])
def test_a_price_of_an_unnamed_source_is_refused(place: str) -> None:
    with pytest.raises(ValidationError, match=r"db\.t4g\.micro names the source 'hearsay'"):
        Prices.model_validate(table(**{place: row(source="hearsay")}))


def test_a_price_without_a_source_is_refused() -> None:
    with pytest.raises(ValidationError, match="source"):
        Prices.model_validate(table(databases={"db.t4g.micro": {"usd": 0.016}}))


def test_machines_without_a_source_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"m5\.large names the source ''"):
        Prices.model_validate(table(instances={"m5.large": 0.096}))


@pytest.mark.parametrize("usd", [0, -1])
def test_a_price_of_nothing_is_refused(usd: float) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Prices.model_validate(table(databases=row(usd=usd)))


def test_every_source_is_used() -> None:
    known = prices()
    used = {one.source for one in (*known.prices.values(), *known.instances.values(), *known.databases.values())}
    assert set(known.sources) == used | {known.spot.source}


def test_a_spot_price_is_below_the_on_demand_price_of_its_type_and_marked_as_approximate() -> None:
    known = prices()
    spot = {name.removeprefix("spot "): price for name, price in known.prices.items() if name.startswith("spot ")}
    assert spot
    assert all(price.approximate and price.usd < known.instances[kind].usd for kind, price in spot.items())
