"""``POST /outcomes``: how long a trip that was predicted took in the end, told by whoever asked for the prediction.

The labels of the model that serves. They come late, in any order, more than once or never; here they are only checked
and kept, and joined to their predictions when those are read.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from components import contract
from components.journal import OUTCOMES, Journal
from serving.trips import explained

MAX_OUTCOMES = 1_000


class Outcome(BaseModel):
    """A trip that has ended.

    Attributes:
        request_id: Of the answer with the prediction.
        index: The trip's place in that request.
        duration_seconds: How long it took.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    request_id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    index: int = Field(default=0, ge=0)
    duration_seconds: float = Field(
        ge=contract.MIN_DURATION_SECONDS, le=contract.MAX_DURATION_SECONDS, allow_inf_nan=False
    )


_MANY: TypeAdapter[list[Outcome]] = TypeAdapter(Annotated[list[Outcome], Field(min_length=1, max_length=MAX_OUTCOMES)])


def parse_outcomes(body: bytes) -> list[Outcome]:
    """The outcomes in a request body, a JSON array.

    Raises:
        NotJsonError: The body is no JSON document.
        InvalidTripsError: A field is missing, unknown, of the wrong type or out of range, or the list is empty or too
            long.
    """
    try:
        return _MANY.validate_json(body)
    except ValidationError as error:
        raise explained(error) from None


class OutcomeLog:
    """Keeps outcomes; use as a context manager.

    Args:
        folder: Made if missing, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder, OUTCOMES)

    def __enter__(self) -> "OutcomeLog":
        self._journal.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._journal.__exit__(*error)

    def write(self, outcomes: list[Outcome]) -> None:
        """Append a line for each.

        Raises:
            OSError: They could not be written.
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = bytearray()
        for outcome in outcomes:
            line: dict[str, Any] = {"at": at, **outcome.model_dump()}
            lines += to_json(line)
            lines += b"\n"
        self._journal.append(lines)
