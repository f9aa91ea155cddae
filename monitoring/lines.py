"""Lines of the journals → rows of the tables; a line that is none is told apart, with what is wrong with it.

``serving.prediction_log`` and ``serving.outcomes`` write the lines. What is read of them is declared here
again, because the monitor does not import the service; a test writes by the one and reads by the other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import polars as pl
import pyarrow as pa
from annotated_types import Ge, Len
from pydantic import AwareDatetime, NaiveDatetime, StringConstraints, TypeAdapter, ValidationError

# Before Python 3.12 pydantic takes no other.
from typing_extensions import TypedDict

from components import contract
from components.journal import OUTCOMES, PREDICTIONS
from components.served import tables
from components.served.tables import AT, DAY, INDEX, OFFSET, OUTCOME_LOG, PREDICTION_LOG, REQUEST, SEGMENT, TRIP

REJECTED_LOG = "rejected_log"
KIND, REASON, LINE = "kind", "reason", "line"
# Lines that are no rows, as they were found. The day is that on which they were.
REJECTED_SCHEMA = pa.schema(
    [
        (DAY, pa.date32()),
        (AT, pa.timestamp("us", tz="UTC")),
        (KIND, pa.string()),
        (SEGMENT, pa.string()),
        (OFFSET, pa.int64()),
        (REASON, pa.string()),
        (LINE, pa.binary()),
    ]
)
CUT_OFF = "no line break follows: it was cut off when its writer ended, or is longer than any line"

_FEATURES = len(contract.MODEL_FEATURES)
_WHOSE: dict[str, Any] = {
    AT: AwareDatetime,
    REQUEST: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")],
    INDEX: Annotated[int, Ge(0)],
}
_SAID: dict[str, Any] = {
    tables.VARIANT: str,
    tables.ROLE: str,
    tables.MODEL_VERSION: str,
    tables.BUNDLE: str,
    tables.MILLISECONDS: float,
    tables.DEGRADED: bool,
}
_TRIP: dict[str, Any] = dict(zip(TRIP, (NaiveDatetime, int, int), strict=True))


class Line(NamedTuple):
    """A line of a journal, without its line break."""

    segment: str
    offset: int
    content: bytes
    is_whole: bool


class Rejected(NamedTuple):
    """A line that is no row, and why; the reason holds nothing of the line."""

    line: Line
    reason: str


@dataclass(frozen=True)
class Kind:
    """One kind of journal.

    Attributes:
        journal: Its name.
        table: Table of its rows.
        schema: Of the table.
        read: Gives what a line says, or raises ``pydantic.ValidationError``.
        columns: Makes columns of that, all but the day and where the line stood.
    """

    journal: str
    table: str
    schema: pa.Schema
    read: Callable[[bytes], Any]
    columns: Callable[[list[Any]], dict[str, list[Any]]]


def parse(kind: Kind, lines: Iterable[Line]) -> tuple[pa.Table, list[Rejected]]:
    """Rows of lines, in the kind's schema, and the lines that are none; blank lines are neither."""
    good: list[Line] = []
    values: list[Any] = []
    rejected: list[Rejected] = []
    for line in lines:
        if not line.content.strip():
            continue
        if not line.is_whole:
            rejected.append(Rejected(line, CUT_OFF))
            continue
        try:
            values.append(kind.read(line.content))
        except ValidationError as error:
            rejected.append(Rejected(line, _reason(error)))
        else:
            good.append(line)
    where = {SEGMENT: [line.segment for line in good], OFFSET: [line.offset for line in good]}
    frame = pl.DataFrame({**kind.columns(values), **where}, schema=_without_day(kind.schema), strict=True)
    dated = frame.with_columns(pl.col(AT).dt.date().alias(DAY)).select(kind.schema.names)
    return dated.to_arrow().cast(kind.schema), rejected


def rejected_rows(kind: Kind, rejected: Iterable[Rejected], now: datetime) -> pa.Table:
    """Rows of ``REJECTED_SCHEMA``."""
    rows = [
        {
            DAY: now.date(),
            AT: now,
            KIND: kind.journal,
            SEGMENT: one.line.segment,
            OFFSET: one.line.offset,
            REASON: one.reason,
            LINE: one.line.content,
        }
        for one in rejected
    ]
    return pa.Table.from_pylist(rows, REJECTED_SCHEMA)


def _without_day(schema: pa.Schema) -> pl.Schema:
    found = pl.from_arrow(schema.empty_table())
    assert isinstance(found, pl.DataFrame)
    return pl.Schema({name: dtype for name, dtype in found.schema.items() if name != DAY})


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _reader(fields: dict[str, Any]) -> Callable[[bytes], Any]:
    return TypeAdapter(TypedDict("Said", fields)).validate_json  # pyright: ignore


def _prediction_columns(values: list[Any]) -> dict[str, list[Any]]:
    trips = [value["trip"] for value in values]
    by_feature = zip(*(value["features"] for value in values), strict=True) if values else [()] * _FEATURES
    return {
        **{name: [value[name] for value in values] for name in (*_WHOSE, *_SAID)},
        **{name: [trip[name] for trip in trips] for name in TRIP},
        **{name: list(column) for name, column in zip(contract.MODEL_FEATURES, by_feature, strict=True)},
        tables.PREDICTED: [value[contract.TARGET] for value in values],
    }


def _outcome_columns(values: list[Any]) -> dict[str, list[Any]]:
    return {name: [value[name] for value in values] for name in (*_WHOSE, contract.TARGET)}


KINDS = (
    Kind(
        journal=PREDICTIONS,
        table=PREDICTION_LOG,
        schema=tables.PREDICTION_SCHEMA,
        read=_reader(
            {
                **_WHOSE,
                **_SAID,
                "trip": TypedDict("Trip", _TRIP),  # pyright: ignore
                "features": Annotated[list[float | None], Len(_FEATURES, _FEATURES)],
                contract.TARGET: float | None,
            }
        ),
        columns=_prediction_columns,
    ),
    Kind(
        journal=OUTCOMES,
        table=OUTCOME_LOG,
        schema=tables.OUTCOME_SCHEMA,
        read=_reader({**_WHOSE, contract.TARGET: float}),
        columns=_outcome_columns,
    ),
)
