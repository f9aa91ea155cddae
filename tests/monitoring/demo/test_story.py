"""Whether a monitor did well, told from what it kept."""

from datetime import UTC, datetime, timedelta

import pytest

from components.evaluate.bootstrap import Estimate
from monitoring.comparison import DriftResult
from monitoring.decision import Action, Decision
from monitoring.demo.story import Story, events, faults
from monitoring.quality import QualityResult, SliceQuality
from monitoring.state import Retraining, Window
from monitoring.state_tables import Result, Stage
from monitoring.window import WindowResult

CHANGE = datetime(2026, 3, 9, 4, tzinfo=UTC)
FIRST = datetime(2026, 3, 7, tzinfo=UTC)


def window(day: int, error: float, action: Action = Action.NOTHING, version: str = "1") -> Window:
    start = FIRST + timedelta(days=day)
    estimate = Estimate(value=error, low=error - 1, high=error + 1)
    overall = SliceQuality("overall", "all", 1000, 1000, estimate, 0.2, 200.0, 1.5)
    result = WindowResult(
        start=start,
        end=start + timedelta(days=1),
        rows=1000,
        faults=(),
        drift=DriftResult((), 0.0, ""),
        quality=QualityResult(overall, (), 1000, 1000, 200.0, ""),
        skew=None,
        profile=None,
    )
    return Window(version, f"model-{version}", result, Decision(action, "because"))


def retraining(result: Result | None = Result.RELEASED, shift: str = "model-1/1") -> Retraining:
    return Retraining(
        shift=shift,
        reference_version="model-1",
        model_version="1",
        at=FIRST + timedelta(days=4),
        source="served:...",
        reason="because",
        stage=Stage.TRAINING if result is None else Stage.ENDED,
        tried="2",
        result=result,
        said="surely better",
    )


CALM = [window(0, 200), window(1, 210)]
SEEN = [window(2, 500), window(3, 600, Action.RETRAIN)]
GOOD = Story([*CALM, *SEEN, window(4, 550), window(5, 300, version="2"), window(6, 310, version="2")], [retraining()])


def test_a_shift_that_is_seen_answered_and_mended_has_no_fault() -> None:
    assert list(faults(GOOD, CHANGE)) == []
    assert GOOD.ended(100, shift=True)


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (Story([window(0, 200, Action.STOP), *GOOD.windows[1:]], GOOD.retrainings), "of 2026-03-07 was calm"),
        (Story([*CALM, window(2, 500), window(3, 600)], []), "the change was not seen"),
        (
            Story([*CALM, *(window(day, 500) for day in (2, 3, 4)), window(5, 500, Action.RETRAIN)], [retraining()]),
            "was seen on 2026-03-13 only",
        ),
        (Story(GOOD.windows, [retraining(), retraining(shift="model-1/2")]), "2 retrainings began"),
        (Story(GOOD.windows, [retraining(Result.REFUSED)]), "was not released: refused"),
        (Story([*GOOD.windows[:5], window(5, 900, version="2")], GOOD.retrainings), "the error did not recover"),
        (Story(GOOD.windows[:5], GOOD.retrainings), "the error did not recover: nan"),
    ],
)
def test_what_goes_wrong_is_said(story: Story, said: str) -> None:
    assert any(said in fault for fault in faults(story, CHANGE))


def test_where_nothing_changes_nothing_may_be_done() -> None:
    assert list(faults(Story(CALM, []), None)) == []
    assert list(faults(Story([*CALM, *SEEN], [retraining(None)]), None)) == [
        "the window of 2026-03-10 was calm: because",
        "1 retrainings began, and nothing had changed",
    ]


def test_it_ends_early_where_a_retraining_came_to_nothing() -> None:
    assert Story(CALM, [retraining(Result.FAILED)]).ended(100, shift=True)
    assert not Story(CALM, [retraining(None)]).ended(100, shift=True)
    assert not GOOD.ended(100, shift=False)
    assert GOOD.ended(len(GOOD.windows), shift=False)


def test_each_event_is_told_once() -> None:
    told: set[str] = set()
    assert len(list(events(Story(CALM, [retraining(None)]), told))) == 3
    assert list(events(Story(CALM, [retraining(None)]), told)) == []
    [ended] = events(Story(CALM, [retraining()]), told)
    assert "version 2: ended: released, surely better" in ended
