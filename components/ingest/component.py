"""The KFP face of ingest."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def ingest(
    source: str, rows: int, seed: int, fingerprint: str, report: Output[Artifact], page: Output[HTML]
) -> NamedTuple(
    "Ingested",
    [
        ("decision", str),
        ("data_version", int),
        ("rows_read", int),
        ("rows_written", int),
        ("content_sha256", str),
        ("learn_from", str),
    ],
):  # pyright: ignore[reportInvalidTypeForm]
    """Write the usable trips of a source as a version of the trips table.

    Args:
        source: "synthetic", "synthetic:<regime>", a path to Parquet or CSV files, "tlc:YYYY-MM", a labelled version, or
            trips of the service's log.
        rows: Trips to generate; files are read whole.
        seed: Seed of generated trips.
        fingerprint: Content of the source; a changed source has another one, so it is read again. A source that is
            changed before it was read is refused.
        report: JSON with counts, rejected rows and, where the columns are not the contract's, violations.
        page: The same for people.

    Returns:
        decision: "ingested", or "schema_skew" for a source that no later step may see.
        data_version: Version of the trips table; -1 at schema skew.
        rows_read: Rows in the source.
        rows_written: Rows in the version.
        content_sha256: Of the rows in the version.
        learn_from: When the first trip began that is learned from, ISO 8601, New York wall clock; earlier ones are
            there for the features of later ones. Empty where all are learned from.
    """
    from datetime import UTC, datetime

    from components.artifacts import publish
    from components.ingest import step
    from components.platform import Platform

    with publish(report) as report_file, publish(page) as page_file:
        platform, now = Platform(), datetime.now(UTC)  # pyright: ignore[reportCallIssue]
        result = step.ingest(
            platform, source, rows, seed, report=report_file, page=page_file, now=now, expected=fingerprint
        )
    counts = (result.rows_read, result.rows_written)
    return (result.decision, result.data_version, *counts, result.fingerprint, result.learn_from)
