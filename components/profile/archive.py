"""Profiles of data versions, kept beside the tables: a later comparison needs not read an old version again.

A profile is one object, ``s3://<data bucket>/profiles/trips/<table>-<version>.parquet``: a sample of the trips, and the
summary of all of them among the file's metadata. It is made of its version alone, so it can be lost: whoever needs it
makes it again. The table's own id is in its name, because another table would begin with version 0 again. Of a version
from which only the trips since some time are learned from, that time is in the name too, and only they are described.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from components import tables
from components.learned import learned
from components.platform import Platform
from components.profile.columns import derived
from components.profile.summary import Summary, merged, summarise

# So many trips are compared; a share of them is known to 0.5 % then, whatever the number of trips.
SAMPLE_ROWS = 50_000
_SAMPLE_SEED = 0
_SUMMARY = b"keelson.summary"


@dataclass(frozen=True)
class Profile:
    """A data version in short.

    Attributes:
        summary: Of all its trips that are learned from.
        sample: Up to SAMPLE_ROWS of them, drawn evenly, in their order, as ``components.profile.columns.derived``.
    """

    summary: Summary
    sample: pl.DataFrame


def describe(platform: Platform, data_version: int, learn_from: str = "") -> Profile:
    """The profile of a version: the one that is kept, else made and kept now.

    Memory is that of the table's largest file.

    Args:
        platform: Where the trips table lies.
        data_version: Version to describe.
        learn_from: Only of the trips since then; as for ``components.learned.learned``.

    Raises:
        components.tables.TableError: There is no such version.
        ValueError: ``learn_from`` is no time.
    """
    described = learned(learn_from)
    rows = tables.version_rows(platform, tables.TRIPS, data_version)
    name = _name(platform, data_version, learn_from)
    kept = _load(platform, name)
    if kept is None:
        if learn_from:
            chosen = tables.scan(platform, tables.TRIPS, data_version).filter(described)
            rows = chosen.select(pl.len()).collect(engine="streaming").item()
        kept = _made(platform, data_version, rows, described)
        _keep(platform, name, kept)
    return kept


def _made(platform: Platform, data_version: int, rows: int, described: pl.Expr) -> Profile:
    """Read the version, file by file; of its trips so many are described."""
    drawn = sample_rows(rows)
    summaries, samples, first_row = [], [], 0
    for trips in tables.files(platform, tables.TRIPS, data_version):
        frame = derived(trips.filter(described))
        summaries.append(summarise(frame))
        here = drawn[(drawn >= first_row) & (drawn < first_row + frame.height)] - first_row
        samples.append(frame[here])
        first_row += frame.height
    return Profile(merged(summaries), pl.concat(samples))


def sample_rows(rows: int) -> np.ndarray:
    """Which rows of a version are its sample, int64, rising: the same for every version of as many rows."""
    if rows <= SAMPLE_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(_SAMPLE_SEED).choice(rows, SAMPLE_ROWS, replace=False, shuffle=False))


def _name(platform: Platform, data_version: int, learn_from: str) -> str:
    options = tables.storage_options(platform)
    table = DeltaTable(tables.table_uri(platform, tables.TRIPS), version=data_version, storage_options=options)
    since = f"-from-{learn_from.replace(':', '')}" if learn_from else ""
    return f"profiles/{tables.TRIPS}/{table.metadata().id}-{data_version}{since}.parquet"


def _keep(platform: Platform, name: str, profile: Profile) -> None:
    """Store the object by one request, so that it is there whole or not at all."""
    table = profile.sample.to_arrow()
    metadata = {_SUMMARY: profile.summary.model_dump_json().encode()}
    content = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), content, compression="zstd", write_page_checksum=True)
    _storage(platform).put_object(Bucket=platform.data_bucket, Key=name, Body=content.getvalue())


def _load(platform: Platform, name: str) -> Profile | None:
    storage = _storage(platform)
    try:
        content = storage.get_object(Bucket=platform.data_bucket, Key=name)["Body"].read()
    except storage.exceptions.NoSuchKey:
        return None
    table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
    summary = Summary.model_validate_json((table.schema.metadata or {})[_SUMMARY])
    return Profile(summary, pl.DataFrame(table))


def _storage(platform: Platform) -> Any:
    """A client of the object store; without keys the default AWS chain (Pod Identity) is used."""
    import boto3

    secret = platform.secret_access_key
    return boto3.client(
        "s3",
        endpoint_url=platform.s3_endpoint,
        region_name=platform.region,
        aws_access_key_id=platform.access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
    )
