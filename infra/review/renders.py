"""What differs between two renders of a stack."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.render.write import MARKER

# Drawn from what other files say in words.
_DRAWN = (".svg",)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Files of a render that came, went or changed.

    Attributes:
        changed: Unified diff of each changed file, by its path.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, str]

    @property
    def nothing(self) -> bool:
        """Whether both renders are equal."""
        return not (self.added or self.removed or self.changed)


def read(folder: Path) -> dict[str, str]:
    """The files of a render, ``{"aws/s3/Bucket-data-bucket.json": text}``; none where there is no render."""
    if not (folder / MARKER).is_file():
        return {}
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != MARKER)
    return {str(file.relative_to(folder)): file.read_text() for file in files if file.suffix not in _DRAWN}


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """How the second render differs from the first."""
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed={
            path: _diff(before[path], after[path])
            for path in sorted(before.keys() & after.keys())
            if before[path] != after[path]
        },
    )


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    # The names of the two files say nothing: the path stands above.
    return "\n".join(list(lines)[2:])
