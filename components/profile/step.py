"""Describe a version of the trips table for people, and keep what later comparisons need of it."""

from pathlib import Path

from components.platform import Platform
from components.profile.archive import describe
from components.profile.report import as_page


def profile(
    platform: Platform, *, data_version: int, summary_file: Path, page_file: Path, learn_from: str = ""
) -> None:
    """Write the summary and the page of a version, and keep its profile beside the table.

    The same version gives the same summary. Memory is that of the table's largest file. Trips that are only known are
    not described: most of them are another version's, whose profile tells of them, and a mixture would describe no
    world at all.

    Args:
        platform: Where the trips table lies.
        data_version: Version to describe.
        summary_file: JSON to write, under 100 KB: see ``components.profile.summary``.
        page_file: HTML to write.
        learn_from: Describe the trips since then; as for ``components.learned.learned``.

    Raises:
        components.tables.TableError: There is no such version.
        ValueError: ``learn_from`` is no time.
    """
    described = describe(platform, data_version, learn_from)
    summary_file.write_text(described.summary.model_dump_json(), encoding="utf-8")
    page_file.write_text(as_page(data_version, described, learn_from), encoding="utf-8")
