"""A source of trips by name: ``synthetic``, ``synthetic:<regime>``, ``tlc:2026-01``, or a path to files."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

from components.labels import source as labelled
from components.served import source as served
from components.trips import files, synthetic, tlc
from components.trips.conform import match
from components.trips.files import RawBatch
from components.trips.source_error import Breach, SchemaSkewError, SourceError

SYNTHETIC, TLC = "synthetic", "tlc"


def batches(source: str, rows: int, seed: int, cache: Path | None = None) -> Iterator[RawBatch]:
    """The trips of a source, as they are found.

    Args:
        source: Its name; see the module.
        rows: Trips to generate; files are read whole.
        seed: Of the generated trips.
        cache: Folder for downloads; by default one in the user's cache.

    Raises:
        SourceError: The source cannot be used; before the first batch where that can be known.
        SchemaSkewError: Its columns are not those of the contract; likewise.
    """
    kind, _, detail = source.partition(":")
    if kind == SYNTHETIC:
        return _generated(source, synthetic.trips(rows, seed, regime=_regime(source, detail)))
    found = _files(source, cache)
    # Wrong columns are told at once, and of all files, not after the gigabytes before them were read.
    breaches = [breach for file in found for breach in _breaches(file)]
    if breaches:
        raise SchemaSkewError(breaches)
    return files.read(found)


def _breaches(file: Path) -> tuple[Breach, ...]:
    """What is wrong with a file's columns."""
    try:
        match(str(file), files.columns(file))
    except SchemaSkewError as skew:
        return skew.breaches
    return ()


def fingerprint(source: str, rows: int, seed: int, cache: Path | None = None) -> str:
    """Names the content of a source by 64 hexadecimal digits; a changed file or another request has another one.

    Args and raises as for ``batches``. A month of the TLC is downloaded for it.
    """
    kind, _, detail = source.partition(":")
    if kind == SYNTHETIC:
        regime = _regime(source, detail)
        request = {"generator": synthetic.GENERATOR_VERSION, "rows": rows, "seed": seed, "regime": regime}
        return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    if kind == labelled.KIND:
        return labelled.LabelledVersion.parse(source).fingerprint()
    if served.is_served(source):
        return served.ServedTrips.parse(source).fingerprint()
    whole = hashlib.sha256()
    for file in _files(source, cache):
        try:
            with file.open("rb") as content:
                whole.update(hashlib.file_digest(content, "sha256").digest())
        except OSError as error:
            raise SourceError(f"{file} cannot be read: {error.strerror}; correct it or leave it out") from error
    return whole.hexdigest()


def _generated(source: str, generated: Iterator[pa.RecordBatch]) -> Iterator[RawBatch]:
    rows = 0
    for batch in generated:
        yield RawBatch(source, rows, tuple(batch.schema.names), pl.DataFrame(pa.Table.from_batches([batch])))
        rows += batch.num_rows


def _files(source: str, cache: Path | None) -> list[Path]:
    kind, _, detail = source.partition(":")
    if kind == TLC:
        return [tlc.download(detail, cache or Path.home() / ".cache" / "keelson" / "trips")]
    if not source:
        raise SourceError("DATA is empty: give synthetic, a path to trip files, or tlc:YYYY-MM")
    return files.find_files(source)


def _regime(source: str, detail: str) -> synthetic.Regime | None:
    if source == SYNTHETIC:
        return None
    try:
        return synthetic.Regime(detail)
    except ValueError:
        known = ", ".join(f"{SYNTHETIC}:{regime}" for regime in synthetic.Regime)
        raise SourceError(f"DATA={source} names no change of regime: give {SYNTHETIC} or one of {known}") from None
