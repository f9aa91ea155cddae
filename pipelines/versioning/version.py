"""Semantic versions, and how far a change raises one."""

import re
from enum import IntEnum
from typing import NamedTuple, Self

_PATTERN = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Change(IntEnum):
    """How much of a version a change raises: the source alone, a compatible interface, an incompatible one."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


class Version(NamedTuple):
    """``major.minor.patch``; versions are ordered by number."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version that a text spells.

        Raises:
            ValueError: It is not three numbers with dots.
        """
        found = _PATTERN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no version; give three numbers with dots, such as 1.4.0")
        return cls(*map(int, found.groups()))

    def raised(self, change: Change) -> "Version":
        """The next version after a change."""
        match change:
            case Change.MAJOR:
                return Version(self.major + 1, 0, 0)
            case Change.MINOR:
                return Version(self.major, self.minor + 1, 0)
            case Change.PATCH:
                return Version(self.major, self.minor, self.patch + 1)
            case Change.NONE:
                return self

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


# Of what is published for the first time.
FIRST = Version(0, 1, 0)
