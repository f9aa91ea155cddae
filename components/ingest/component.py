"""The KFP face of ingest."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE)
def ingest(source: str, rows: int, seed: int, fingerprint: str, report: Output[Artifact]) -> NamedTuple(
    "Ingested", [("data_version", int), ("rows_written", int)]
):  # pyright: ignore[reportInvalidTypeForm]
    """Bring trips from their source into the versioned trips table.

    Args:
        source: "synthetic", a path, or "tlc:YYYY-MM".
        rows: Trips to generate; of no meaning for other sources.
        seed: Seed of the generator.
        fingerprint: Content of the source, so that a changed source is read again.
        report: JSON with counts, unknown columns and rejected rows.
    """
    from datetime import datetime
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from components.ingest import step
    from components.platform import Platform
    from components.trips.source import downloads

    platform, now = Platform(), datetime.now(ZoneInfo("America/New_York")).replace(tzinfo=None)
    options = {"source": source, "rows": rows, "seed": seed, "now": now, "downloads": downloads(platform)}
    result = step.ingest(platform, report=Path(report.path), **options)
    return (result.data_version, result.rows_written)
