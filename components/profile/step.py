"""Describe a version of the trips table for people, and keep what later comparisons need of it."""

from pathlib import Path

from components.platform import Platform
from components.profile.archive import describe
from components.profile.report import as_page


def profile(platform: Platform, *, data_version: int, summary_file: Path, page_file: Path) -> None:
    """Write the summary and the page of a version, and keep its profile beside the table.

    The same version gives the same summary. Memory is that of the table's largest file.

    Args:
        platform: Where the trips table lies.
        data_version: Version to describe.
        summary_file: JSON to write, under 100 KB: see ``components.profile.summary``.
        page_file: HTML to write.

    Raises:
        components.tables.TableError: There is no such version.
    """
    described = describe(platform, data_version)
    summary_file.write_text(described.summary.model_dump_json(), encoding="utf-8")
    page_file.write_text(as_page(data_version, described), encoding="utf-8")
