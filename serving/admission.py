"""How many requests a worker answers at once; those beyond are turned away at once, so that the others are in time.

A worker that is asked more than it can answer would answer everything late. What it still has to do is counted, not how
late it is: a machine that is busy with something else is no reason to turn a lone caller away.

Whoever has a place gives the event loop a turn before it leaves (``Predictor.predict`` does), so that all that arrived
together take their places before the first of them is answered. Else each would find an empty house.
"""

# A prediction takes well under a millisecond of a core, and reading its features some milliseconds of waiting.
MAX_REQUESTS = 128


class FullError(RuntimeError):
    """As many requests as are let in are being answered."""

    def __init__(self) -> None:
        super().__init__(f"{MAX_REQUESTS} requests are being answered; try again in a second")


class Admission:
    """The requests that one worker is answering.

    Attributes:
        inside: How many they are.
    """

    def __init__(self) -> None:
        self.inside = 0

    def enter(self) -> None:
        """Take a place; ``leave`` gives it back.

        Raises:
            FullError: There is none.
        """
        if self.inside >= MAX_REQUESTS:
            raise FullError
        self.inside += 1

    def leave(self) -> None:
        """Give a place back."""
        self.inside -= 1
