"""The KFP face of check_parity."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def check_parity(
    zone_features_version: int, pair_features_version: int, end: str, report: Output[Artifact]
) -> NamedTuple("Checked", [("checked", int)]):  # pyright: ignore[reportInvalidTypeForm]
    """Check that the online store says what the offline store says; a difference fails the run.

    Args:
        zone_features_version: Version of the table of zone features.
        pair_features_version: Version of the table of pair features.
        end: The time that was materialised to, as ISO 8601 with time zone.
        report: What was compared, as JSON.
    """
    from datetime import datetime

    from components.artifacts import publish
    from components.check_parity import step
    from components.platform import Platform

    versions = (zone_features_version, pair_features_version)
    with publish(report) as file:
        checked = step.check_parity(Platform(), *versions, datetime.fromisoformat(end), file)  # pyright: ignore[reportCallIssue]
    return (checked,)
