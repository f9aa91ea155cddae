"""Collects the lines of a statement."""

from collections.abc import Sequence

from infra.render.cost.statement import Line
from infra.render.prices import HOURS, Price, Prices
from infra.render.recording import Recording, Resource


class Meter:
    """Takes what is paid for, and names what it has no price for.

    Attributes:
        table: Prices and assumptions.
        recording: The whole stack, for what a price depends on elsewhere in it.
        lines: What has a price.
        unknown: What has none, in words.
    """

    def __init__(self, table: Prices, recording: Recording) -> None:
        self.table = table
        self.recording = recording
        self.lines: list[Line] = []
        self.unknown: set[str] = set()

    def charge(self, name: str, item: str, row: str, at_rest: float, more: float = 0, note: str = "") -> None:
        """So many units of a row of ``[prices]``, and ``more`` at load."""
        price = self.table.prices.get(row)
        if price is None:
            self.unknown.add(f"{item} of {name}: [prices] has no row {row}")
        else:
            self.charge_at(price, name, item, at_rest, more, note)

    def charge_months(self, name: str, item: str, row: str, count: float = 1, note: str = "") -> None:
        """So many of something that stands there all month, at a row of ``[prices]`` for an hour or a month."""
        price = self.table.prices.get(row)
        hourly = price is not None and price.unit.endswith("hour")
        self.charge(name, item, row, count * HOURS if hourly else count, note=note)

    def charge_at(self, price: Price, name: str, item: str, at_rest: float, more: float = 0, note: str = "") -> None:
        """So many units at this price, and ``more`` at load."""
        self.lines.append(
            Line(resource=name, item=item, price=price, at_rest=at_rest, at_load=at_rest + more, note=note)
        )

    def machines(self, name: str, kinds: Sequence[str], *, spot: bool, hours: float = 0, more: float = 0) -> None:
        """Hours of machines of the first of these types, and ``more`` hours at load; the note names the dearest."""
        known = {kind: price for kind in kinds if (price := self._machine(kind, spot=spot))}
        for kind in kinds:
            if kind not in known:
                self.unknown.add(f"machines of type {kind} ({name})")
        if kinds[0] not in known:
            return
        dearest = max(known, key=lambda kind: known[kind].usd)
        note = "" if dearest == kinds[0] else f"may be {dearest} at {known[dearest].usd:g} an hour instead"
        self.charge_at(known[kinds[0]], name, f"{kinds[0]}{', spot' if spot else ''}", hours, more, note)

    def number(self, resource: Resource, key: str) -> float | None:
        """A size that the program gives; where it does not, the resource is named as unknown."""
        value = resource.inputs.get(key)
        if isinstance(value, int | float):
            return value
        self.unknown.add(f"{resource.type} {resource.name}: its {key} is not given, only {value!r}")
        return None

    def _machine(self, kind: str, *, spot: bool) -> Price | None:
        standard = self.table.instances.get(kind)
        if not spot:
            return standard
        found = self.table.prices.get(f"spot {kind}")
        if found is None and standard is not None:
            return Price(usd=standard.usd * self.table.spot.share, source=self.table.spot.source, approximate=True)
        return found
