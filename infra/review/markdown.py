"""Text that others wrote, put into a comment so that it stays text."""

import re

_TICKS = re.compile(r"`{3,}")


def block(text: str, language: str = "") -> str:
    """A code block that no line of the text can end, and in which nobody is called by ``@name``."""
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def folded(title: str, content: str) -> str:
    """Content that opens on a click."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def code(text: str) -> str:
    """A word or path within a sentence or a row of a table."""
    return f"`{text.replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def limited(text: str, characters: int, rest: str) -> str:
    """The beginning of a text in whole lines, ``rest`` said below it where something was left out."""
    if len(text) <= characters:
        return text
    kept = text[: max(0, characters - len(rest) - 1)]
    return f"{kept.rpartition(chr(10))[0] or kept}\n{rest}"
