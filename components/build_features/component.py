"""The KFP face of build_features."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def build_features(data_version: int, features: Output[Dataset]) -> NamedTuple(
    "BuiltFeatures",
    [("rows", int), ("zone_features_version", int), ("pair_features_version", int), ("feature_end", str)],
):  # pyright: ignore[reportInvalidTypeForm]
    """Compute feature tables from trips and join to each trip what was known when it began.

    Args:
        data_version: Version of the trips table.
        features: Table to train on, as Parquet.
    """
    from components.artifacts import publish
    from components.build_features import step
    from components.platform import Platform

    with publish(features) as file:
        result = step.build_features(Platform(), data_version, file)  # pyright: ignore[reportCallIssue]
    versions = (result.zone_features_version, result.pair_features_version)
    return (result.rows, *versions, result.feature_end.isoformat())
