"""Choose trips for people to look at."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from components import contract, tables
from components.labels.key import TRIP_KEY, trip_keys
from components.labels.table import CORRECTED, LABELLED_BY
from components.platform import Platform
from components.score import predictions

DATA_VERSION, REASON = "data_version", "chosen_as"
RECORDED, PREDICTED = "recorded_seconds", "predicted_seconds"
MOST_WRONG, RANDOM = "most wrong", "random"
# Columns of the file: what a person needs to judge a trip, and two to fill in. No fare, tip or payment.
COLUMNS = (
    TRIP_KEY,
    DATA_VERSION,
    REASON,
    contract.PICKUP_TIME,
    contract.DROPOFF_TIME,
    contract.PICKUP_ZONE,
    contract.DROPOFF_ZONE,
    contract.DISTANCE,
    contract.PASSENGERS,
    RECORDED,
    PREDICTED,
    CORRECTED,
    LABELLED_BY,
)

_ROW, _ERROR = "__row", "__error"
# What the predictions have of a trip. Trips that are equal in all of these have the same prediction.
_SHARED = (
    contract.PICKUP_TIME,
    contract.PICKUP_ZONE,
    contract.DROPOFF_ZONE,
    contract.DISTANCE,
    contract.PASSENGERS,
    contract.TARGET,
)


@dataclass(frozen=True)
class Sample:
    """What was written: rows by the reason for which they were chosen."""

    most_wrong: int
    random: int


def sample(platform: Platform, data_version: int, model_version: int, rows: int, seed: int, output: Path) -> Sample:
    """Write a CSV file of trips for people to correct; the same arguments give the same file.

    Half of the trips are those where prediction and record are furthest apart by their ratio, the rest are drawn from
    all: the first half finds faults, the second tells how frequent they are.

    Args:
        data_version: Version of the trips.
        model_version: Whose predictions are looked at; the scoring pipeline makes them.
        rows: At most so many; fewer where there are fewer trips.
        seed: Of the draw.
        output: File to write.

    Raises:
        components.tables.TableError: That model version has not scored that data version.
    """
    scored = predictions.scan(platform, data_version, model_version).with_row_index(_ROW)
    chosen = _chosen(scored, rows, seed).with_columns(pl.lit(data_version).alias(DATA_VERSION))
    found = _records(platform, data_version, chosen).join(chosen, on=_SHARED, nulls_equal=True)
    file = (
        found.with_columns(
            trip_keys(found),
            pl.col(contract.TARGET).alias(RECORDED),
            pl.lit(None, pl.Float64).alias(CORRECTED),
            pl.lit(None, pl.String).alias(LABELLED_BY),
        )
        .unique(TRIP_KEY)
        .sort(TRIP_KEY)
        .select(COLUMNS)
    )
    file.write_csv(output)
    counts = dict(file[REASON].value_counts().iter_rows())
    return Sample(most_wrong=counts.get(MOST_WRONG, 0), random=counts.get(RANDOM, 0))


def _chosen(scored: pl.LazyFrame, rows: int, seed: int) -> pl.DataFrame:
    """The predictions of the chosen trips: ``_SHARED``, PREDICTED and REASON."""
    ratio = (pl.col(PREDICTED) / pl.col(contract.TARGET)).log().abs()
    # Equal errors are told apart by the row, so that the same ones are chosen each time.
    worst = scored.with_columns(ratio.alias(_ERROR)).top_k((rows + 1) // 2, by=[_ERROR, _ROW]).collect()
    count = scored.select(pl.len()).collect().item()
    others = np.setdiff1d(np.arange(count), worst[_ROW].to_numpy(), assume_unique=True)
    drawn = np.random.default_rng(seed).choice(others, min(rows // 2, len(others)), replace=False)
    rest = scored.filter(pl.col(_ROW).is_in(pl.Series(drawn, dtype=pl.get_index_type()).implode())).collect()
    parts = [worst.with_columns(pl.lit(MOST_WRONG).alias(REASON)), rest.with_columns(pl.lit(RANDOM).alias(REASON))]
    chosen = pl.concat([part.select(*_SHARED, PREDICTED, REASON) for part in parts])
    passengers = pl.col(contract.PASSENGERS).cast(pl.Int64)
    return chosen.unique(_SHARED, keep="first", maintain_order=True).with_columns(passengers)


def _records(platform: Platform, data_version: int, chosen: pl.DataFrame) -> pl.DataFrame:
    """The trips that begin when a chosen one does, with TARGET."""
    times = chosen[contract.PICKUP_TIME].unique()
    duration = pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)
    return (
        tables.scan(platform, tables.TRIPS, data_version)
        .filter(pl.col(contract.PICKUP_TIME).is_in(times.implode()))
        .with_columns((duration.dt.total_microseconds() / 1_000_000).alias(contract.TARGET))
        .collect()
    )
