"""The catalogue names every feature of the model once, and what people read is made from it."""

from pathlib import Path

import polars as pl

from components import contract
from components.features import catalogue
from components.features.transform import request_features

DOCS = Path(__file__).parents[3] / "docs" / "features.md"


def test_the_models_features_are_those_of_the_catalogue_in_order() -> None:
    assert tuple(feature.name for feature in catalogue.FEATURES) == contract.MODEL_FEATURES


def test_every_feature_says_what_it_is_and_who_owns_it() -> None:
    for feature in catalogue.FEATURES:
        assert all((feature.meaning, feature.unit, feature.missing, feature.owner))


def test_the_page_has_the_table_that_the_catalogue_makes() -> None:
    assert catalogue.markdown() in DOCS.read_text(encoding="utf-8")


def test_request_features_are_what_transform_adds_and_what_the_request_says() -> None:
    kinds = {contract.PICKUP_TIME: pl.Datetime("us"), contract.PICKUP_ZONE: pl.Int64, contract.DROPOFF_ZONE: pl.Int64}
    computed = set(request_features(pl.DataFrame(schema=kinds)).columns) - set(kinds)
    named = {feature.name for feature in catalogue.of(catalogue.Source.REQUEST)}
    assert named == computed | {contract.DISTANCE, contract.PASSENGERS}
