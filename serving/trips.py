"""What a caller may send: one trip or many, checked against the contract before anything else sees it."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import PydanticCustomError

from components import contract

# A batch of this size costs about as much as a page of single requests; larger ones belong in batch scoring.
MAX_TRIPS = 1_000
# The holiday calendars behind the features are not meant for times outside these years.
FIRST_YEAR, LAST_YEAR = 2000, 2100
REQUEST_COLUMNS = (
    contract.PICKUP_TIME,
    contract.PICKUP_ZONE,
    contract.DROPOFF_ZONE,
    contract.DISTANCE,
    contract.PASSENGERS,
)
EXAMPLE_TRIP: dict[str, Any] = {
    contract.PICKUP_TIME: "2026-01-15T08:30:00",
    contract.PICKUP_ZONE: 132,
    contract.DROPOFF_ZONE: 230,
    contract.DISTANCE: 17.2,
    contract.PASSENGERS: 2,
}

_NEW_YORK = ZoneInfo("America/New_York")
_MAX_PROBLEMS = 20
_MAX_FIELD_NAME = 80

_TYPES = {contract.Kind.INTEGER: int, contract.Kind.FLOAT: float, contract.Kind.TEXT: str}


class NotJsonError(ValueError):
    """The body is no JSON document."""


class InvalidTripsError(ValueError):
    """The body is JSON, but not one trip or a list of trips within the contract.

    Attributes:
        problems: ``[{"field": "[3].trip_distance", "message": "..."}]``; never a value that was sent.
    """

    def __init__(self, problems: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{problem['field']}: {problem['message']}" for problem in problems))
        self.problems = problems


def parse_trips(body: bytes) -> list[dict[str, Any]]:
    """The trips in a request body: a JSON object is one trip, a JSON array is many.

    Returns:
        One dictionary per trip, keyed by the names in ``REQUEST_COLUMNS``; the pick-up time is a
        ``datetime`` without offset, in New York wall-clock time.

    Raises:
        NotJsonError: The body is no JSON document.
        InvalidTripsError: A field is missing, unknown, of the wrong type or out of range, or the
            list is empty or longer than ``MAX_TRIPS``.
    """
    try:
        many = body.lstrip()[:1] == b"["
        trips = _MANY.validate_json(body) if many else [Trip.model_validate_json(body)]
    except ValidationError as error:
        raise explained(error) from None
    # Fields are plain values, so nothing is to be copied.
    return [vars(trip) for trip in trips]


def explained(error: ValidationError) -> NotJsonError | InvalidTripsError:
    """What is wrong with a body, field by field and without a value that was sent."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        return NotJsonError(problems[0]["msg"])
    named = [{"field": _field(found["loc"]), "message": found["msg"]} for found in problems[:_MAX_PROBLEMS]]
    if len(problems) > _MAX_PROBLEMS:
        named.append({"field": "", "message": f"and {len(problems) - _MAX_PROBLEMS} more problems"})
    return InvalidTripsError(named)


def _field(location: tuple[int | str, ...]) -> str:
    """``(3, "trip_distance")`` becomes ``[3].trip_distance``; the body as a whole is ``body``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:_MAX_FIELD_NAME]}" for part in location]
    return "".join(parts).removeprefix(".") or "body"


def _wall_clock(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        allowed = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise PydanticCustomError("year_out_of_range", "The year should be between {first} and {last}", allowed)
    if moment.tzinfo is not None:
        moment = moment.astimezone(_NEW_YORK).replace(tzinfo=None)
    return moment


def _annotation(column: contract.Column) -> Any:
    """The type of a request field, with the contract's range and unit."""
    if column.kind is contract.Kind.TIMESTAMP:
        kind: Any = Annotated[datetime, AfterValidator(_wall_clock)]
        unit = f"{column.unit}, ISO 8601; a time with an offset is converted"
    else:
        kind, unit = _TYPES[column.kind], column.unit
    finite = False if column.kind is contract.Kind.FLOAT else None
    limits = Field(
        ge=column.minimum,
        le=column.maximum,
        allow_inf_nan=finite,
        description=unit,
        examples=[EXAMPLE_TRIP[column.name]],
    )
    return Annotated[kind | None if column.nullable else kind, limits]


def _trip_model() -> type[BaseModel]:
    columns = {column.name: column for column in contract.COLUMNS}
    fields: dict[str, Any] = {
        name: (_annotation(columns[name]), None if columns[name].nullable else ...) for name in REQUEST_COLUMNS
    }
    # Unknown fields are refused: a misspelt optional field would otherwise change the answer silently.
    config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [EXAMPLE_TRIP]})
    return create_model("Trip", __config__=config, __doc__="A trip as it starts.", **fields)


Trip = _trip_model()
_MANY: TypeAdapter[list[BaseModel]] = TypeAdapter(
    Annotated[list[Trip], Field(min_length=1, max_length=MAX_TRIPS)]  # pyright: ignore
)
