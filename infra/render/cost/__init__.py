"""What a stack costs a month, from its recording: idle, and at the load that the price table states.

A resource whose type is neither priced nor known to be free, and a price that the table lacks, are named; neither is
counted as nothing.
"""

from infra.render.cost.aws import PRICED as AWS
from infra.render.cost.aws import final_snapshots
from infra.render.cost.free import reason
from infra.render.cost.kubernetes import PRICED as KUBERNETES
from infra.render.cost.meter import Meter
from infra.render.cost.statement import CostReport, Line
from infra.render.prices import Prices, prices
from infra.render.recording import Recording

__all__ = ["CostReport", "Line", "report"]

_PRICED = {**AWS, **KUBERNETES}


def report(recording: Recording, table: Prices | None = None) -> CostReport:
    """The monthly cost of a recorded stack, at the prices of ``table`` or of ``prices.toml``."""
    meter = Meter(table or prices(), recording)
    free: dict[str, str] = {}
    for resource in recording.resources:
        if resource.component or resource.package == "pulumi":
            continue
        if priced := _PRICED.get(resource.type):
            priced(meter, resource)
        elif why := reason(resource.type):
            free[resource.type] = why
        else:
            meter.unknown.add(f"{resource.type}: no price and no reason why it is free ({resource.name})")
    final_snapshots(meter)
    return CostReport(
        stack=recording.stack,
        lines=tuple(sorted(meter.lines, key=lambda line: (-line.idle, -line.loaded, line.resource, line.item))),
        unknown=tuple(sorted(meter.unknown)),
        free=dict(sorted(free.items())),
        table=meter.table,
    )
