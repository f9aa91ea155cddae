"""The KFP face of ingest."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def ingest(source: str, rows: int, seed: int, fingerprint: str, report: Output[Artifact]) -> NamedTuple(
    "Ingested", [("data_version", int), ("rows_read", int), ("rows_written", int)]
):  # pyright: ignore[reportInvalidTypeForm]
    """Write the usable trips of a source as a version of the trips table.

    Args:
        source: "synthetic", "synthetic:<regime>", a path to Parquet or CSV files, or "tlc:YYYY-MM".
        rows: Trips to generate; files are read whole.
        seed: Seed of generated trips.
        fingerprint: Content of the source; a changed source has another one, so it is read again.
        report: JSON with counts, unknown columns and rejected rows.
    """
    from datetime import UTC, datetime
    from pathlib import Path

    from components.ingest import step
    from components.platform import Platform

    result = step.ingest(Platform(), source, rows, seed, Path(report.path), datetime.now(UTC))  # pyright: ignore[reportCallIssue]
    return (result.data_version, result.rows_read, result.rows_written)
