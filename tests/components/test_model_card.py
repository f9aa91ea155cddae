"""The model card."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from components import thresholds
from components.model_card import LONGEST_DESCRIPTION, Facts, as_description, as_markdown, as_page

ERRORS = {"rows": 800, "mae": 120.0, "rmse": 200.0, "mape": 0.2}
SLICE = {**ERRORS, "coverage": 0.8, "mae_low": 110.0, "mae_high": 130.0}
FACTS = Facts(
    manifest={
        "family": "linear",
        "model_sha256": "f00d",
        "requires": {"numpy": "2.0"},
        "training": {"parameters": {"l2": 0.5}, "train_rows": 2800},
    },
    origin={"Data version": "3", "Commit": "abc | <script>"},
    metrics={
        "train": ERRORS,
        "test": {**ERRORS, "coverage": 0.8},
        "baseline": ERRORS,
        "intervals": {
            "mae": {"value": 120.0, "low": 110.0, "high": 130.0},
            "coverage": {"value": 0.8, "low": 0.79, "high": 0.81},
        },
        "slices": {"borough": {"Queens": SLICE}, "hour_band": {"night": SLICE}},
    },
    verdict={"accepted": True, "forced": False, "reasons": ["better than the baseline"]},
    compatibility={"median_milliseconds": 0.5, "megabytes": 1.0, "resident_megabytes": 300.0},
    importances={"features": [{"feature": "hour", "mean_absolute_contribution": 0.25}]},
)


@pytest.mark.parametrize("card", [as_markdown, as_page])
def test_a_card_says_what_it_is_how_good_where_not_to_use_it_and_why_it_serves(card: Callable[[Facts], str]) -> None:
    told = card(replace(FACTS, promotion="ann promoted it"))
    for said in ("f00d", "2,800", "l2=0.5", "Queens", "night", "hour", "0.50 ms", "Where not to use it"):
        assert said in told
    assert told.index("Accepted by the gate.") < told.index("ann promoted it") < told.index("better than the baseline")


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ({"accepted": False, "forced": False, "reasons": ["too slow"]}, "Rejected by the gate."),
        ({"accepted": True, "forced": True, "reasons": ["accepted by force: a drill"]}, "Accepted by force."),
    ],
)
def test_a_card_tells_a_rejected_and_a_forced_model_from_an_accepted_one(verdict: dict[str, object], said: str) -> None:
    assert said in as_markdown(replace(FACTS, verdict=verdict))


def test_a_card_warns_of_intervals_that_do_not_hold_what_they_promise() -> None:
    off = thresholds.INTERVAL_COVERAGE - thresholds.COVERAGE_TOLERANCE - 0.01
    intervals = FACTS.metrics["intervals"] | {"coverage": {"value": off, "low": 0.7, "high": 0.9}}
    dishonest = replace(FACTS, metrics={**FACTS.metrics, "intervals": intervals})
    assert "Do not rely on the intervals" in as_markdown(dishonest)
    assert "Do not rely on the intervals" not in as_markdown(FACTS)


def test_a_description_is_the_whole_card_where_the_registry_has_room_for_it() -> None:
    assert as_description(FACTS) == as_markdown(FACTS)


@pytest.mark.parametrize("reasons", [["a rule is kept, with its numbers, " * 4] * 25, ["x" * 20_000]])
def test_a_description_with_many_reasons_fits_into_the_registry_and_says_where_the_rest_is(reasons: list[str]) -> None:
    groups = {"borough": 7, "hour_band": 5, "airport": 2, "distance_band": 5}
    slices = {group: {f"{group} {number}": SLICE for number in range(count)} for group, count in groups.items()}
    facts = replace(
        FACTS,
        origin={**FACTS.origin, "Run": "r1"},
        metrics={**FACTS.metrics, "slices": slices},
        verdict={**FACTS.verdict, "reasons": reasons},
        promotion="ann promoted it",
    )
    assert len(as_markdown(facts)) > LONGEST_DESCRIPTION
    told = as_description(facts)
    assert len(told) <= LONGEST_DESCRIPTION
    assert told.endswith("The whole card is `model_card.html` of run r1.\n")
    for said in ("f00d", "Accepted by the gate.", "ann promoted it", "distance_band 4", "Where not to use it"):
        assert said in told


def test_what_others_wrote_breaks_neither_table_nor_page() -> None:
    assert "| Commit | abc \\| <script> |" in as_markdown(FACTS)
    assert "<script>" not in as_page(FACTS)
