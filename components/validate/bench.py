"""How fast trips are validated, beside pandera's time for the same contract in the same process.

    python -m components.validate.bench --rows 1000000

Prints one JSON line. Trips are generated; reading a table from object storage is left out of both times. pandera is
asked for what it has words for: types, order, null values, ranges and closed sets. Repeated trips, numbers that are
not finite and rules over several columns are checked by the step alone.
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated

import pandera.polars as pa
import polars as pl
import typer
from pandera.errors import SchemaErrors

from components import contract
from components.ingest.checks import REASON, judge
from components.trips import source
from components.trips.conform import conform
from components.validate.check import check
from components.validate.rules import STORED_AS, rules

_REPEATS = 5


def pandera_schema() -> pa.DataFrameSchema:
    """The contract as pandera can express it: names, order, types, null values, ranges and closed sets."""
    columns = {}
    for column in contract.COLUMNS:
        checks = []
        if column.minimum is not None and column.maximum is not None:
            checks.append(pa.Check.in_range(column.minimum, column.maximum))
        if column.allowed is not None:
            checks.append(pa.Check.isin(list(column.allowed)))
        columns[column.name] = pa.Column(STORED_AS[column.kind], checks=checks, nullable=column.nullable)
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


def clean_trips(rows: int, seed: int, name: str = "synthetic") -> pl.DataFrame:
    """Generated trips as the ingest step would store them; about half a percent fewer than asked for."""
    now = datetime.max
    names = [column.name for column in contract.COLUMNS]
    batches = conform(source.batches(name, rows, seed))
    judged = (judge(batch.frame, now) for batch in batches)
    return pl.concat(frame.filter(pl.col(REASON).is_null()).select(names) for frame in judged)


def main(rows: Annotated[int, typer.Option(help="Trips to validate.")] = 1_000_000) -> None:
    """Time both on the same trips, once clean and once with three violations; the best of five repeats counts."""
    clean = clean_trips(rows, seed=0)
    spoilt = clean.with_columns(
        pl.lit(9, pl.Int64).alias("payment_type"),
        -pl.col(contract.DISTANCE),
        pl.lit(None, pl.Int64).alias(contract.PICKUP_ZONE),
    )
    schema, written = pandera_schema(), datetime.max
    figures: dict[str, float] = {"rows": clean.height, "columns": clean.width, "rules": len(rules(written))}
    for name, trips in (("clean", clean), ("spoilt", spoilt)):
        ours = _seconds(partial(check, lambda trips=trips: [trips], written))
        figures |= {
            f"{name}_seconds": round(ours, 4),
            f"{name}_rows_per_second": round(clean.height / ours),
            f"{name}_pandera_seconds": round(_seconds(partial(_validate, schema, trips)), 4),
        }
    typer.echo(json.dumps(figures))


def _validate(schema: pa.DataFrameSchema, trips: pl.DataFrame) -> None:
    with suppress(SchemaErrors):
        schema.validate(trips, lazy=True)


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    typer.run(main)
