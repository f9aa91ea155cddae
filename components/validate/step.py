"""Hold a version of the trips table against the contract; the decision is the pipeline's to act on."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from deltalake import DeltaTable

from components import tables
from components.platform import Platform
from components.validate import report
from components.validate.check import check

PASSED, SCHEMA_SKEW = "passed", "schema_skew"

_WALL_CLOCK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Validation:
    """What was decided about a version.

    Attributes:
        decision: PASSED or SCHEMA_SKEW.
        rows: Rows checked.
    """

    decision: str
    rows: int


def validate(platform: Platform, *, data_version: int, report_file: Path, page_file: Path) -> Validation:
    """Check one version of the trips table and write what was found, as JSON and as a page.

    The same version gives the same decision at any time: nothing is held against today's clock.

    Args:
        platform: Where the trips table lies.
        data_version: Version to check.
        report_file: JSON to write: each violation with counts and example rows, warnings, and every rule.
        page_file: The same as HTML.

    Raises:
        components.tables.TableError: There is no such version.
    """
    written = written_at(platform, data_version)
    findings = check(lambda: tables.files(platform, tables.TRIPS, data_version), written)
    decision = SCHEMA_SKEW if findings.violations else PASSED
    content = report.as_json(findings, data_version=data_version, written=written, decision=decision)
    report_file.write_text(content, encoding="utf-8")
    page_file.write_text(report.as_page(data_version, findings), encoding="utf-8")
    return Validation(decision, findings.rows)


def written_at(platform: Platform, data_version: int) -> datetime:
    """When the newest file of a version was written, New York wall clock.

    Raises:
        components.tables.TableError: There is no such version.
    """
    tables.version_rows(platform, tables.TRIPS, data_version)
    options = tables.storage_options(platform)
    table = DeltaTable(tables.table_uri(platform, tables.TRIPS), version=data_version, storage_options=options)
    milliseconds = max(table.get_add_actions(flatten=True)["modification_time"].to_pylist())
    return datetime.fromtimestamp(milliseconds / 1000, _WALL_CLOCK).replace(tzinfo=None)
