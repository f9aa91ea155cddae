"""The KFP face of split."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def split(
    features: Input[Dataset],
    train_set: Output[Dataset],
    validation_set: Output[Dataset],
    test_set: Output[Dataset],
    learn_from: str = "",
) -> NamedTuple("SplitRows", [("train_rows", int), ("validation_rows", int), ("test_rows", int)]):  # pyright: ignore[reportInvalidTypeForm]
    """Split trips by time into a training, a validation and a test part.

    Args:
        features: Feature table as Parquet.
        train_set: Trips that ended before the validation part begins.
        validation_set: The 10 % of the time span before the test part.
        test_set: The last 20 % of the time span.
        learn_from: When the first trip began that is learned from, ISO 8601, New York wall clock: earlier ones are in
            no part. Empty where all are learned from.
    """
    from components.artifacts import publish, read
    from components.split import step

    with publish(train_set) as train, publish(validation_set) as validation, publish(test_set) as test:
        result = step.split(read(features), train, validation, test, learn_from=learn_from)
    return (result.train_rows, result.validation_rows, result.test_rows)
