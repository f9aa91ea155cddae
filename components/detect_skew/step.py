"""Have the values of the trips changed since the champion was trained?"""

from dataclasses import dataclass
from pathlib import Path

from components import tables
from components.detect_skew import report
from components.detect_skew.compare import compare
from components.platform import Platform
from components.profile.archive import describe
from components.recording import DATA_VERSION, LEARN_FROM, champion
from components.tables import TableError
from components.tracking import ModelVersion, Tracking

NONE, VALUE_SKEW = "none", "value_skew"
NO_REFERENCE = -1


@dataclass(frozen=True)
class Detection:
    """What was decided.

    Attributes:
        decision: VALUE_SKEW or NONE.
        reference_version: The data version compared with, NO_REFERENCE where there is none.
    """

    decision: str
    reference_version: int


def detect_skew(
    platform: Platform, *, data_version: int, report_file: Path, page_file: Path, learn_from: str = ""
) -> Detection:
    """Compare a version of the trips with the one that the champion was trained on, and write what was found.

    The same two versions give the same decision. Where there is nothing to compare with, the decision is NONE and the
    report says why. On both sides only trips that are learned from count: those that are only known are in great part
    the champion's own, and among weeks of them no change of some days would be seen.

    Args:
        platform: Its trips table and its model registry are read.
        data_version: Version of the trips table.
        report_file: JSON to write: decision, reason, and test and effect of each column.
        page_file: HTML to write.
        learn_from: Compare the trips since then; as for ``components.learned.learned``.

    Raises:
        ValueError: ``learn_from`` is no time.
        components.tables.TableError: There is no such version.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        model = champion(tracking)
    learned_from = model.tags.get(LEARN_FROM, "") if model else ""
    reference, reason = _reference(platform, data_version, learn_from, model)
    title = f"Values of data version {data_version}"
    versions = {
        "data_version": data_version,
        "reference_version": reference,
        "champion_version": model.version if model else None,
        "learn_from": learn_from,
        "reference_learn_from": learned_from,
    }
    if reason:
        report_file.write_text(report.as_json(NONE, reason, [], **versions), encoding="utf-8")
        page_file.write_text(report.as_page(title, reason), encoding="utf-8")
        return Detection(NONE, reference)
    before, after = describe(platform, reference, learned_from), describe(platform, data_version, learn_from)
    found = compare(before.sample, after.sample)
    skewed = [one.column for one in found if one.skewed]
    decision = VALUE_SKEW if skewed else NONE
    said = f"Value skew in {', '.join(skewed)}" if skewed else "No value skew"
    reason = (
        f"{said}: compared with data version {reference}, on which champion {versions['champion_version']} learned."
    )
    drawn = {"reference": before.sample.height, "current": after.sample.height}
    report_file.write_text(report.as_json(decision, reason, found, **versions, sample_rows=drawn), encoding="utf-8")
    page_file.write_text(report.comparison_page(title, reason, found, before, after), encoding="utf-8")
    return Detection(decision, reference)


def _reference(platform: Platform, data_version: int, learn_from: str, model: ModelVersion | None) -> tuple[int, str]:
    """The version to compare with, and why that cannot be done; the reason is empty where it can."""
    if model is None:
        return NO_REFERENCE, "There is no champion yet, so there is nothing to compare with."
    learned_on = model.tags.get(DATA_VERSION, "")
    if not learned_on.isdecimal():
        return NO_REFERENCE, f"Champion {model.version} has no tag {DATA_VERSION}: what it learned on is not known."
    reference = int(learned_on)
    if (reference, model.tags.get(LEARN_FROM, "")) == (data_version, learn_from):
        return reference, f"Champion {model.version} was trained on this very version."
    try:
        tables.version_rows(platform, tables.TRIPS, reference)
    except TableError as error:
        return reference, f"The version that champion {model.version} was trained on cannot be read: {error}."
    return reference, ""
