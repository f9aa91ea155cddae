"""Predictions and what they came to: joined whenever, in whatever order, and however often an outcome was told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from components import contract
from components.platform import Platform
from components.served.labelled import COLUMNS, joined, labelled
from components.served.tables import OUTCOME_SCHEMA, PREDICTION_SCHEMA

START = datetime(2026, 1, 15, tzinfo=UTC)


def a_frame(schema: Any, lines: list[dict[str, Any]]) -> pl.LazyFrame:
    """Rows of a table; columns that a line does not have are null."""
    empty = pl.from_arrow(schema.empty_table())
    assert isinstance(empty, pl.DataFrame)
    given = [{"at": START, **line, "segment": "s", "offset": place} for place, line in enumerate(lines)]
    return pl.DataFrame(given, schema=empty.schema).lazy()


moments = st.integers(0, 5).map(lambda minutes: START + timedelta(minutes=minutes))
keys = {"request_id": st.sampled_from(["a", "b", "c"]), "index": st.integers(0, 2)}
predictions = st.fixed_dictionaries(
    {
        "at": moments,
        **keys,
        "role": st.sampled_from(["answer", "shadow"]),
        "model_version": st.sampled_from(["1", "2"]),
        "predicted_seconds": st.none() | st.integers(1, 9).map(float),
    }
)
outcomes = st.fixed_dictionaries({"at": moments, **keys, contract.TARGET: st.integers(1, 99).map(float)})


@given(st.lists(predictions, max_size=20), st.lists(outcomes, max_size=20), st.randoms())
def test_each_prediction_has_the_newest_outcome_of_its_trip(
    made: list[dict[str, Any]], told: list[dict[str, Any]], random: Any
) -> None:
    by_trip: dict[Any, Any] = {}
    for place, line in enumerate(told):
        trip, moment = (line["request_id"], line["index"]), (line["at"], place)
        if trip not in by_trip or by_trip[trip][0] < moment:
            by_trip[trip] = (moment, line[contract.TARGET])
    by_prediction: dict[Any, Any] = {}
    for place, line in enumerate(made):
        key, moment = tuple(line[name] for name in ("request_id", "index", "role", "model_version")), line["at"]
        if key not in by_prediction or by_prediction[key][0] <= (moment, place):
            by_prediction[key] = ((moment, place), line["predicted_seconds"])
    expected = {
        (*key, moment[0], seconds, *_label(by_trip.get(key[:2]))) for key, (moment, seconds) in by_prediction.items()
    }
    rows = a_frame(PREDICTION_SCHEMA, made).collect()
    # Files of a table are read in any order.
    order = random.sample(range(len(made)), len(made))
    found = joined(rows[order].lazy(), a_frame(OUTCOME_SCHEMA, told)).collect()
    columns = ("request_id", "index", "role", "model_version", "at", "predicted_seconds", "label_seconds", "label_at")
    assert len(found) == len(expected)
    assert set(found.select(columns).rows()) == expected
    assert found["at"].is_sorted()


def _label(found: Any) -> tuple[Any, Any]:
    return (None, None) if found is None else (found[1], found[0][0])


def test_there_are_columns_before_there_is_anything(platform: Platform) -> None:
    found = labelled(platform, START, START + timedelta(days=1))
    assert found.is_empty()
    assert tuple(found.columns) == COLUMNS
    assert found.columns[-3 - len(contract.MODEL_FEATURES) : -3] == list(contract.MODEL_FEATURES)
