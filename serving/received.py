"""What a prediction request brings besides its trips: headers, the raw body, options. Each is checked or refused."""

import asyncio
import re
import secrets
import types
from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Message, Receive

Headers = dict[bytes, bytes]

MAX_BODY_BYTES = 512 * 1024
# A caller that sends slower than this holds a place for nothing.
BODY_SECONDS = 10.0
# Contributions cost a hundred times as much as a prediction.
MAX_EXPLAINED = 100
REQUEST_ID, ROUTING_KEY = b"x-request-id", b"x-routing-key"

_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Refusal(Exception):
    """A request that gets no prediction.

    Args:
        status: HTTP status.
        error: One sentence for the caller: what is wrong and what is allowed.
        detail: Problems by field, where there are some.
    """

    def __init__(self, status: int, error: str, detail: list[dict[str, str]] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.detail = status, error, detail

    def content(self) -> dict[str, object]:
        """The answer's body, without the request's id."""
        return {"error": self.error} if self.detail is None else {"error": self.error, "detail": self.detail}


def request_id(headers: Headers) -> str:
    """The caller's id if it is safe to repeat, else a new one."""
    given = headers.get(REQUEST_ID)
    return given.decode() if given is not None and _SAFE_ID.fullmatch(given) else next(_IDS)


def _new_ids() -> Iterator[str]:
    """Ids of 128 random bits; the system is asked for many at once, as each call costs as much as checking a trip."""
    while True:
        drawn = secrets.token_hex(16 * 256)
        yield from (drawn[first : first + 32] for first in range(0, len(drawn), 32))


_IDS = _new_ids()


async def json_body(headers: Headers, receive: Receive) -> bytes:
    """The body, of at most ``MAX_BODY_BYTES``.

    Raises:
        Refusal: The body is not declared as JSON, too large, too slow, or ended early.
    """
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Refusal(415, "Only application/json is accepted; set the Content-Type header.")
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and (len(declared) > 15 or int(declared) > MAX_BODY_BYTES):
        raise _too_large()
    try:
        return await _whole(receive)
    except TimeoutError:
        raise Refusal(408, f"The body did not arrive within {BODY_SECONDS:g} seconds.") from None


async def _whole(receive: Receive) -> bytes:
    body, steps = bytearray(), receive().__await__()
    try:
        message = _resumed(steps, next(steps))
    except StopIteration as came:
        # Nearly always the body came with its head, and is here at once: a timer costs more than checking the trip.
        if not _add(body, came.value):
            return bytes(body)
        message = receive()
    async with asyncio.timeout(BODY_SECONDS):
        while _add(body, await message):
            message = receive()
    return bytes(body)


@types.coroutine
def _resumed(steps: Generator[Any, Any, Message], waits_for: object) -> Generator[Any, Any, Message]:
    """What is left of something awaitable that was begun, and waits."""
    try:
        yield waits_for
    except BaseException:
        steps.close()
        raise
    return (yield from steps)


def _add(body: bytearray, message: Message) -> bool:
    """Add what a message brings; returns whether more is to come."""
    if message["type"] == "http.disconnect":
        raise Refusal(400, "The body ended early.")
    chunk = message.get("body", b"")
    if len(body) + len(chunk) > MAX_BODY_BYTES:
        raise _too_large()
    body += chunk
    return bool(message.get("more_body"))


def wants_explanation(query: bytes, trips: int) -> bool:
    """Whether the query string asks for contributions.

    Raises:
        Refusal: It asks for something else, or for more trips than can be explained at once.
    """
    if not query:
        return False
    options = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    for name, value in options:
        if name != "explain" or value not in ("true", "false"):
            field = name[:80] if name != "explain" else "explain"
            problem = {"field": f"query.{field}", "message": "The only option is explain, which is true or false"}
            raise Refusal(422, "The query does not fit.", [problem])
    explain = ("explain", "true") in options
    if explain and trips > MAX_EXPLAINED:
        problem = {"field": "body", "message": f"At most {MAX_EXPLAINED} trips can be explained at once"}
        raise Refusal(422, "Too many trips to explain.", [problem])
    return explain


def _too_large() -> Refusal:
    return Refusal(413, f"The body is larger than {MAX_BODY_BYTES} bytes; send fewer trips at once.")
