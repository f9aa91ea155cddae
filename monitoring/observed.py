"""From what was logged, or what a champion was tested on, to a window as ``monitoring.columns`` describes it."""

from datetime import datetime, timedelta

import polars as pl

from components import contract
from components.served import tables as log
from components.served.labelled import LABEL, LABEL_AT
from monitoring.columns import AT, EVENT_KEY, PREDICTION, REQUIRED

_NEW_YORK = "America/New_York"
_HOUR = timedelta(hours=1)


def answered_by(predictions: pl.DataFrame) -> str | None:
    """The model version that answered most of the predictions; None where there are none.

    Args:
        predictions: As from ``components.served.labelled``.
    """
    answers = predictions.filter(pl.col(log.ROLE) == log.ANSWER)
    if answers.is_empty():
        return None
    counts = answers.group_by(log.MODEL_VERSION).len().sort("len", log.MODEL_VERSION, descending=True)
    return counts.item(0, log.MODEL_VERSION)


def window_of(predictions: pl.DataFrame, model_version: str, now: datetime) -> pl.DataFrame:
    """A window of one version's predictions, whether they were the answer or made beside it.

    Args:
        predictions: As from ``components.served.labelled``, by the clock of the wall.
        model_version: Whose.
        now: Labels that came later are left out; of the wall as well.

    Returns:
        [n] with REQUIRED. AT is when the trip began by what the caller says, so that wrong clocks are seen.
    """
    known = pl.when(pl.col(LABEL_AT) <= now).then(pl.col(LABEL))
    return (
        predictions.filter(pl.col(log.MODEL_VERSION) == model_version)
        # In shadow a version predicts beside the one that answers, in canary for some; never both for one request.
        .with_columns(
            instant(pl.col(contract.PICKUP_TIME)).alias(AT),
            pl.col(log.PREDICTED).alias(PREDICTION),
            known.cast(pl.Float64).alias(contract.TARGET),
        )
        .select(REQUIRED)
    )


def tested(features: pl.DataFrame, seconds: pl.Series) -> pl.DataFrame:
    """The trips that a champion was tested on, as a window.

    Args:
        features: [n] as the build_features step writes it.
        seconds: float64 [n], what the champion predicts for each.
    """
    request, index = EVENT_KEY
    return features.with_columns(
        pl.lit("test").alias(request),
        pl.int_range(pl.len()).alias(index),
        instant(pl.col(contract.PICKUP_TIME)).alias(AT),
        seconds.alias(PREDICTION),
    ).select(REQUIRED)


def instant(wall_clock: pl.Expr) -> pl.Expr:
    """New York's wall clock as UTC; an hour that is there twice is its first, one that is skipped is that after it."""
    local = wall_clock.cast(pl.Datetime("us"))
    skipped = (local + _HOUR).dt.replace_time_zone(_NEW_YORK, ambiguous="earliest", non_existent="null")
    found = local.dt.replace_time_zone(_NEW_YORK, ambiguous="earliest", non_existent="null")
    return pl.coalesce(found, skipped).dt.convert_time_zone("UTC")
