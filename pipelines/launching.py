"""Who starts a step's process, where that is no process of this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a step ended.

    Attributes:
        succeeded: Whether it did what it should.
        said: What it was ended by; empty where its process ended by itself, which has said why.
        attempts: How often its process was started.
    """

    succeeded: bool
    said: str = ""
    attempts: int = 1


class Launcher(Protocol):
    """Runs steps, one at a time."""

    def run(self, step: str, executor: str, command: Sequence[str]) -> Ended:
        """Run a step to its end, and print what it says.

        Args:
            step: Its name.
            executor: That of the compiled pipeline which it runs.
            command: With placeholders replaced.
        """
        ...
