"""The KFP face of validate."""

from kfp import dsl
from kfp.dsl import Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def validate(data_version: int, report: Output[Artifact]) -> int:
    """Hold a version of the trips table against the contract; schema skew stops the run.

    Args:
        data_version: Version of the trips table.
        report: JSON with each violation, counts and example rows.

    Returns:
        The number of rows checked.
    """
    from pathlib import Path

    from components.platform import Platform
    from components.validate import step

    platform = Platform()  # pyright: ignore[reportCallIssue]
    return step.validate(platform, data_version=data_version, report=Path(report.path)).rows
