"""Arguments as a person writes them."""

from typing import Any

import pytest

from pipelines.arguments import parsed
from pipelines.submission_error import SubmissionError
from pipelines.versioning.interface import Input

INPUTS = {
    "data_version": Input(type="NUMBER_INTEGER"),
    "share": Input(type="NUMBER_DOUBLE", optional=True),
    "quick": Input(type="BOOLEAN", optional=True),
    "families": Input(type="LIST", optional=True),
    "limits": Input(type="STRUCT", optional=True),
    "reason": Input(type="STRING", optional=True),
    "commit": Input(type="STRING"),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data_version=3", 3),
        ("share=0.5", 0.5),
        ("share=1", 1),
        ("quick=true", True),
        ('families=["linear", "xgboost"]', ["linear", "xgboost"]),
        ('limits={"mae": 300}', {"mae": 300}),
        ("reason=a = b", "a = b"),
        ("reason=3", "3"),
    ],
)
def test_a_value_is_read_as_its_input_wants_it(text: str, value: Any) -> None:
    name = text.partition("=")[0]
    assert parsed([text], INPUTS, {"data_version": 1})[name] == value


@pytest.mark.parametrize(
    "text",
    ["data_version=true", "data_version=1.0", "share=half", "quick=1", "quick=True", "families=linear", "limits=[]"],
)
def test_a_value_of_another_type_is_refused_with_what_is_wanted(text: str) -> None:
    with pytest.raises(SubmissionError, match="was given; give "):
        parsed([text], INPUTS, {"data_version": 1})


def test_an_input_that_must_be_given_and_is_not_is_named() -> None:
    with pytest.raises(SubmissionError, match=r"^data_version must be given: --param data_version=\.\.\.$"):
        parsed([], INPUTS, {})


def test_what_is_given_wins_over_what_is_usual_and_the_usual_for_others_is_left_out() -> None:
    assert parsed(["data_version=2"], INPUTS, {"data_version": 1, "share": 0.1, "unknown": 5}) == {
        "data_version": 2,
        "share": 0.1,
    }
