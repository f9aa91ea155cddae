"""A version of the trips as people say that they were, as a source of another version: ``labelled:<trips>:<labels>``.

Both numbers name what never changes, so a model of such a version can be made again, and its lineage tells whose labels
it learned from.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.trips.source_error import SourceError

if TYPE_CHECKING:
    from components.platform import Platform
    from components.trips.files import RawBatch

KIND = "labelled"


@dataclass(frozen=True)
class LabelledVersion:
    """The versions that a source names.

    Attributes:
        trips: Of the trips table.
        labels: Of the table of labels.
    """

    trips: int
    labels: int

    @classmethod
    def parse(cls, source: str) -> "LabelledVersion":
        """Of a source's name.

        Raises:
            SourceError: It names no two versions.
        """
        _, _, detail = source.partition(":")
        trips, _, labels = detail.partition(":")
        if not (trips.isdecimal() and labels.isdecimal()):
            raise SourceError(
                f"DATA={source} names no versions: give {KIND}:<version of the trips>:<version of the labels>, "
                f"such as {KIND}:0:0"
            )
        return cls(int(trips), int(labels))

    def fingerprint(self) -> str:
        """Names the content by 64 hexadecimal digits; of a version there is only one."""
        return hashlib.sha256(f"{KIND}:{self.trips}:{self.labels}".encode()).hexdigest()

    def batches(self, platform: "Platform") -> "Iterator[RawBatch]":
        """The trips with corrected drop-offs, a file of the table at a time.

        Raises:
            components.tables.TableError: There is no such version of the trips or of the labels.
        """
        # Whoever only reads the name needs no tables.
        from components import tables
        from components.labels.table import apply_labels, read_labels
        from components.trips.files import RawBatch

        labels, rows = read_labels(platform, self.labels), 0
        for trips in tables.files(platform, tables.TRIPS, self.trips):
            corrected = apply_labels(trips.lazy(), labels).collect()
            yield RawBatch(f"version {self.trips} of the trips", rows, tuple(corrected.columns), corrected)
            rows += len(corrected)


def is_labelled(source: str) -> bool:
    """Whether a source's name is of this kind."""
    return source.partition(":")[0] == KIND
