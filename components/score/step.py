"""Predict the duration of every trip of a data version, in bounded memory and once for each model version."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from components import contract
from components.model import Model
from components.platform import Platform
from components.score import predictions
from components.score.model_version import fetch, find
from components.score.trees import for_many_rows

# Rows held at a time: 15 features of 8 bytes make 30 MB.
SLICE_ROWS = 250_000

_TRIP = (contract.PICKUP_TIME, contract.PICKUP_ZONE, contract.DROPOFF_ZONE, contract.TARGET)


@dataclass(frozen=True, kw_only=True)
class ScoreResult:
    """What was scored.

    Attributes:
        data_version: Version of the trips.
        model_version: Version of the model.
        rows: Trips with a prediction.
        newly: False where an earlier run had done it.
        rows_per_second: Of reading features, predicting and writing; 0 where an earlier run had done it.
    """

    data_version: int
    model_version: int
    rows: int
    newly: bool
    rows_per_second: int


def score(
    platform: Platform, data_version: int, model_version: int, features: Path, report: Path, commit: str = ""
) -> ScoreResult:
    """Add a model version's predictions for a data version to the table of predictions, unless they are there.

    A run that fails or is killed leaves nothing to be seen; the next one starts anew. Of two at once, one adds.

    Args:
        platform: Where table and registry are.
        data_version: Version of the trips.
        model_version: Of the registry; 0 for the champion.
        features: Parquet of build_features for that data version.
        report: JSON file to write: the result.
        commit: Commit of the code, kept with the predictions.

    Raises:
        components.score.model_version.NoModelError: There is no such model version.
        components.model.ModelIntegrityError: The model was changed, or is for another contract.
    """
    version = find(platform, model_version)
    rows, newly, rate = predictions.rows_of(platform, data_version, version.version), False, 0
    if rows is None:
        with tempfile.TemporaryDirectory(prefix="score-") as scratch:
            model, spool = fetch(platform, version, Path(scratch) / "model"), Path(scratch) / "predictions.parquet"
            began = time.perf_counter()
            rows = predict_file(model, features, spool, data_version, version.version)
            facts = {"model_sha256": model.sha256, "commit": commit}
            newly = predictions.append_once(platform, data_version, version.version, spool, facts)
            rate = round(rows / (time.perf_counter() - began))
    result = ScoreResult(
        data_version=data_version,
        model_version=version.version,
        rows=rows,
        newly=newly,
        rows_per_second=rate,
    )
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    return result


def predict_file(model: Model, features: Path, output: Path, data_version: int, model_version: int) -> int:
    """Predict every row of a feature table, slice by slice; says on stderr how far it is.

    Args:
        features: Parquet with PICKUP_TIME, PICKUP_ZONE, DROPOFF_ZONE, MODEL_FEATURES and TARGET.
        output: Parquet file to write, as ``predictions.SCHEMA``.
        data_version: Noted in each row.
        model_version: Noted in each row.

    Returns:
        Rows.
    """
    fast, rows = for_many_rows(model), 0
    with (
        pq.ParquetFile(features) as source,
        pq.ParquetWriter(output, predictions.SCHEMA, compression="lz4", use_dictionary=False) as writer,
    ):
        whole = source.metadata.num_rows
        for trips in _slices(source):
            scored = trips.select(
                pl.lit(data_version, pl.Int64).alias(predictions.DATA_VERSION),
                pl.lit(model_version, pl.Int64).alias(predictions.MODEL_VERSION),
                pl.col(contract.PICKUP_TIME).dt.date().alias(predictions.PICKUP_DATE),
                contract.PICKUP_TIME,
                contract.PICKUP_ZONE,
                contract.DROPOFF_ZONE,
                contract.DISTANCE,
                contract.PASSENGERS,
                contract.TARGET,
                pl.Series(predictions.PREDICTED, fast.predict(model_input(trips))),
            )
            writer.write_table(scored.to_arrow().cast(predictions.SCHEMA))
            rows += len(trips)
            sys.stderr.write(f"scored {rows:,} of {whole:,} trips\n")
            sys.stderr.flush()
    return rows


def model_input(trips: pl.DataFrame) -> np.ndarray:
    """The model's input: float64 [len(trips), len(MODEL_FEATURES)], row by row in memory; NaN is missing."""
    return trips.select(pl.col(contract.MODEL_FEATURES).cast(pl.Float64)).to_numpy(order="c")


def _slices(source: pq.ParquetFile) -> Iterator[pl.DataFrame]:
    """A feature table in parts of SLICE_ROWS rows, in its order."""
    for batch in source.iter_batches(SLICE_ROWS, columns=[*_TRIP, *contract.MODEL_FEATURES]):
        yield pl.DataFrame(pa.Table.from_batches([batch]))
