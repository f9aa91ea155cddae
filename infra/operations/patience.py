"""Waiting for something that somebody else does: visibly, and not for ever."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class TimedOut(RuntimeError):
    """It did not happen in time; the message says what is left, and how long it was waited for."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How to wait.

    Attributes:
        seconds: For each thing that is waited for.
        pause: Seconds between two looks.
        tell: Called with a sentence whenever the number of what is left changes.
    """

    tell: Callable[[str], None]
    seconds: float = 900
    pause: float = 5
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until_gone(self, what: str, look: Callable[[], Sequence[T]], describe: Callable[[T], str] = str) -> None:
        """Look until nothing is left.

        Raises:
            TimedOut: Something is left after ``seconds``.
        """
        start, seen = self.now(), -1
        while left := look():
            if len(left) != seen:
                self.tell(f"waiting for {len(left)} {what}")
                seen = len(left)
            if self.now() - start > self.seconds:
                raise TimedOut(
                    f"After {self.seconds:.0f} s these {what} are still there: {'; '.join(map(describe, left))}."
                )
            self.sleep(self.pause)
