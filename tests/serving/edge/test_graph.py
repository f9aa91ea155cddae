"""An exported model of any family says what the bundle says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, numpy_helper

from components import contract
from components.families.family import NAMES, Part, family
from components.families.lightgbm import lightgbm
from components.families.xgboost import xgboost
from components.features.online import ONLINE_FEATURES
from components.model import Interval, Model, load_model, save_model
from serving.edge import parity
from serving.edge.budget import one_thread
from serving.edge.graph import build
from serving.edge.nodes import Nodes
from serving.edge.trees import NotExportableError, lightgbm_logs, xgboost_logs
from serving.trips import EXAMPLE_TRIP

TREES = ("lightgbm", "xgboost")
# A few roundings of 64 bits: docs/edge.md tells of this figure.
ROUNDING = 1e-14

Loaded = Callable[[str], tuple[Model, Path]]


def difference(model: Model, native: Path, question: parity.Question) -> float:
    session = one_thread(build(model, native).SerializeToString())
    return parity.difference(parity.expected(model, question), parity.answers(session, question))


@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_trips_get_the_numbers_of_the_bundle(loaded: Loaded, name: str) -> None:
    assert difference(*loaded(name), parity.draw(10_000, 5)) < ROUNDING


@pytest.mark.parametrize(("name", "limit"), [("linear", 1e-9), ("lightgbm", 1e-9), ("xgboost", 1e-4)])
def test_more_threads_change_the_last_digits_alone(loaded: Loaded, name: str, limit: float) -> None:
    model, native = loaded(name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(build(model, native).SerializeToString(), options)
    question = parity.draw()
    assert parity.difference(parity.expected(model, question), parity.answers(session, question)) < limit


@pytest.mark.parametrize("name", TREES)
def test_values_at_thresholds_go_where_the_library_sends_them(loaded: Loaded, name: str) -> None:
    model, native = loaded(name)
    assert difference(model, native, at_thresholds(build(model, native))) < ROUNDING


def at_thresholds(graph: ModelProto) -> parity.Question:
    """Trips with a stored feature or the distance at a threshold, and next to it in 64 and in 32 bits."""
    (node,) = (node for node in graph.graph.node if node.op_type == "TreeEnsemble")
    held = {one.name: one for one in node.attribute}
    features, thresholds = held["nodes_featureids"].ints, numpy_helper.to_array(held["nodes_splits"].t)
    base = parity.draw(len(features), 9)
    trips, rows = [], []
    for trip, row, number, threshold in zip(base.trips, base.online, features, thresholds, strict=True):
        feature = contract.MODEL_FEATURES[number]
        with np.errstate(over="ignore"):
            exact, short = np.float64(threshold), np.float32(threshold)
        for value in (
            exact,
            *(np.nextafter(exact, end) for end in (-np.inf, np.inf)),
            *(np.float64(np.nextafter(short, np.float32(end))) for end in (-np.inf, np.inf)),
        ):
            if feature in ONLINE_FEATURES:
                trips.append(trip)
                rows.append(np.where(np.array(ONLINE_FEATURES) == feature, value, row))
            elif feature == contract.DISTANCE:
                trips.append({**trip, feature: float(value)})
                rows.append(row)
    assert len(trips) > 1000
    return parity.Question(trips, np.array(rows))


@pytest.mark.parametrize("name", NAMES)
def test_hostile_stored_features_get_the_numbers_of_the_bundle(loaded: Loaded, name: str) -> None:
    """What the feature store never gives out; the graph has no other guard."""
    hostile = [np.nan, np.inf, -np.inf, 1e308, -1e308, 1e39, 3.5e38, 1e30, 1e-320, -0.0]
    question = parity.draw(len(hostile) * 50, 3)
    values = np.repeat(hostile, 50)[:, np.newaxis]
    # The service refuses a trip without a distance; a family answers all the same.
    trips = [{**trip, contract.DISTANCE: np.nan} if row % 7 == 0 else trip for row, trip in enumerate(question.trips)]
    asked = parity.Question(trips, np.where(question.online > 100, values, question.online))
    assert difference(*loaded(name), asked) < ROUNDING


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("low", "high"), [(-20.0, 20.0), (0.0, 0.0)])
def test_seconds_stay_within_the_limits_of_a_trip(loaded: Loaded, name: str, low: float, high: float) -> None:
    model, native = loaded(name)
    wide = replace(model, interval=Interval(coverage=0.8, low=low, high=high))
    question = parity.draw(500, 4)
    found = parity.answers(one_thread(build(wide, native).SerializeToString()), question)
    assert all((values >= 1).all() and (values <= 14_400).all() for values in found.values())
    assert difference(wide, native, question) < ROUNDING


@pytest.mark.parametrize("name", NAMES)
def test_no_trips_get_no_numbers(loaded: Loaded, name: str) -> None:
    inputs = {key: values[:0] for key, values in parity.draw(5).inputs().items()}
    assert [len(values) for values in one_thread(build(*loaded(name)).SerializeToString()).run(None, inputs)] == [0] * 3


@pytest.mark.parametrize("name", TREES)
def test_a_model_that_learned_nothing_is_one_leaf(name: str, tmp_path: Path) -> None:
    features = parity.draw(500).model_input()
    part = Part(features, np.full(len(features), 6.5))
    learned = family(name).fit(part, part, {}, seed=1, max_rounds=3)
    save_model(learned, tmp_path / "m", interval=Interval(coverage=0.8, low=-0.1, high=0.1), training={})
    assert difference(load_model(tmp_path / "m"), tmp_path / "m" / learned.FILE, parity.draw(200)) < ROUNDING


@pytest.mark.parametrize("name", TREES)
def test_columns_without_gaps_in_training_may_have_gaps_later(name: str, tmp_path: Path) -> None:
    """LightGBM then takes a missing value for 0, XGBoost sends it where it was told."""
    question = parity.draw(2000, 6)
    features = np.nan_to_num(question.model_input(), nan=5.0) - 4.0
    part = Part(features, np.clip(features[:, 4] + np.sin(features[:, 9]), -1, 9))
    learned = family(name).fit(part, part, {}, seed=1, max_rounds=20)
    save_model(learned, tmp_path / "m", interval=Interval(coverage=0.8, low=-0.1, high=0.1), training={})
    assert difference(load_model(tmp_path / "m"), tmp_path / "m" / learned.FILE, question) < ROUNDING


@pytest.mark.parametrize("name", NAMES)
def test_equal_models_give_equal_bytes(loaded: Loaded, name: str) -> None:
    first, second = (build(*loaded(name)).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_family_without_an_onnx_form_is_named(loaded: Loaded) -> None:
    model, native = loaded("baseline")

    class Deep(type(model.learned)):
        NAME = "deep"

    with pytest.raises(NotExportableError, match="family 'deep' has no ONNX form; those that have: baseline"):
        build(replace(model, learned=Deep(1.0, np.ones(10))), native)


def some_rows() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    features = random.integers(0, 5, (500, len(contract.MODEL_FEATURES))).astype(np.float64)
    return features, features[:, 0] % 3 + features[:, 4] + random.normal(0, 0.1, 500)


@pytest.mark.parametrize(
    ("parameters", "data", "named"),
    [
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, {}, "averages its trees"),
        ({"linear_tree": True}, {}, "linear_tree"),
        ({"zero_as_missing": True}, {}, "zero_as_missing"),
        ({"min_data_per_group": 1}, {"categorical_feature": [0]}, "categorical split"),
    ],
)
def test_a_lightgbm_model_of_another_kind_is_refused(
    parameters: dict[str, Any], data: dict[str, Any], named: str, tmp_path: Path
) -> None:
    features, target = some_rows()
    learned = lightgbm().Dataset(features, label=target, **data)
    lightgbm().train({"verbosity": -1, **parameters}, learned, num_boost_round=5).save_model(tmp_path / "model.txt")
    with pytest.raises(NotExportableError, match=named):
        lightgbm_logs(Nodes(), "features", tmp_path / "model.txt")


@pytest.mark.parametrize(
    ("parameters", "data", "named"),
    [
        ({"booster": "dart"}, {}, "the model is dart"),
        ({"objective": "reg:absoluteerror"}, {}, "reg:absoluteerror"),
        (
            {"max_cat_to_onehot": 1},
            {"enable_categorical": True, "feature_types": ["c"] + ["float"] * (len(contract.MODEL_FEATURES) - 1)},
            "categorical split",
        ),
    ],
)
def test_an_xgboost_model_of_another_kind_is_refused(
    parameters: dict[str, Any], data: dict[str, Any], named: str, tmp_path: Path
) -> None:
    features, target = some_rows()
    learned = xgboost().DMatrix(features, label=target, **data)
    xgboost().train({"verbosity": 0, **parameters}, learned, num_boost_round=5).save_model(tmp_path / "model.ubj")
    with pytest.raises(NotExportableError, match=named):
        xgboost_logs(Nodes(), "features", tmp_path / "model.ubj")


def test_a_wrong_number_is_a_difference(loaded: Loaded) -> None:
    model, native = loaded("linear")
    other = replace(model, interval=Interval(coverage=0.8, low=-0.25, high=0.375 + 1e-6))
    question = parity.Question(
        [EXAMPLE_TRIP | {contract.PICKUP_TIME: datetime(2026, 1, 15, 8)}], np.full((1, len(ONLINE_FEATURES)), np.nan)
    )
    session = one_thread(build(other, native).SerializeToString())
    found = parity.difference(parity.expected(model, question), parity.answers(session, question))
    assert 0.9e-6 < found < 1.1e-6
