"""Windows of a real log, measured, decided on and kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from components import contract, tables
from components.database import alone
from components.platform import Platform
from components.served import tables as log
from components.tracking import Tracking
from components.trips.synthetic import Regime
from monitoring import log_tables, state
from monitoring.bench import worlds
from monitoring.bench.worlds import CHANGED, day
from monitoring.columns import AT, PREDICTION
from monitoring.decision import Action
from monitoring.quality import LABELS_DUE, ErrorReference
from monitoring.reference import Reference
from monitoring.settings import MonitoringSettings
from monitoring.state import Window
from monitoring.state_tables import Outcome, Result, Stage, open_state
from monitoring.watch import watch
from monitoring.workspace import PROJECT, opened

VERSION = "9"
SCHEMA = "monitor"
Watch = Callable[[int], list[Window]]


def logged(predictions: pl.DataFrame, **values: object) -> pl.DataFrame:
    """Predictions of the city as rows of the log; the city's time is New York's clock, and the log's is UTC."""
    wall = pl.col(AT).dt.replace_time_zone(None)
    rows = predictions.with_columns(
        wall.alias(contract.PICKUP_TIME),
        wall.dt.replace_time_zone("America/New_York", non_existent="null").dt.convert_time_zone("UTC").alias(AT),
        pl.col(PREDICTION).alias(log.PREDICTED),
    ).drop_nulls(AT)
    said = {
        log.VARIANT: "champion",
        log.ROLE: log.ANSWER,
        log.MODEL_VERSION: VERSION,
        log.BUNDLE: "trip_duration:abc",
        log.MILLISECONDS: 1.0,
        log.DEGRADED: False,
        log.SEGMENT: "predictions-test.jsonl",
        **values,
    }
    return rows.with_columns(
        *(pl.lit(value).alias(name) for name, value in said.items()),
        pl.col(AT).dt.date().alias(log.DAY),
        pl.int_range(pl.len()).alias(log.OFFSET),
    )


def keep(platform: Platform, rows: pl.DataFrame) -> None:
    """Put predictions and their outcomes into the tables of the log."""
    outcomes = rows.drop_nulls(contract.TARGET).with_columns(pl.lit("outcomes-test.jsonl").alias(log.SEGMENT))
    for name, schema, content in (
        (log.PREDICTION_LOG, log.PREDICTION_SCHEMA, rows),
        (log.OUTCOME_LOG, log.OUTCOME_SCHEMA, outcomes),
    ):
        table = log_tables.opened(platform, name, schema)
        log_tables.append(table, content.select(schema.names).to_arrow().cast(schema), {})


@pytest.fixture
def settings(tmp_path: Path) -> MonitoringSettings:
    return MonitoringSettings(journals=tmp_path / "journals")


Know = Callable[[Platform], Platform]


@pytest.fixture
def know(reference: Reference, errors: ErrorReference) -> Know:
    """Give version 9 a reference on a platform."""

    def keep_reference(platform: Platform) -> Platform:
        name = {"version": f"model-{VERSION}"}
        state.keep_reference(
            open_state(platform, SCHEMA),
            window_seconds=86_400,
            made_from="a test",
            reference=reference.model_copy(update=name),
            errors=errors.model_copy(update=name),
            sample=worlds.predictions(worlds.REFERENCE_SEED, 40, 42),
        )
        return platform

    return keep_reference


@pytest.fixture
def known(platform: Platform, know: Know) -> Platform:
    """A platform on which version 9 has a reference."""
    return know(platform)


@pytest.fixture
def watch_day(known: Platform, settings: MonitoringSettings) -> Watch:
    """Look at the windows that are due once the labels of a day of the city are."""
    return lambda number: watch(known, settings, day(number + 1) + LABELS_DUE + timedelta(minutes=1))


@pytest.fixture(scope="module")
def congested() -> pl.DataFrame:
    return logged(worlds.predictions(77, CHANGED - 2, CHANGED + 4, Regime.CONGESTION))


def test_a_shift_begins_one_retraining_on_what_was_served_since(
    known: Platform, watch_day: Watch, congested: pl.DataFrame
) -> None:
    keep(known, congested)
    found = [window for number in range(CHANGED - 2, CHANGED + 4) for window in watch_day(number)]
    actions = [window.decision.action for window in found]
    assert actions == [Action.NOTHING] * 3 + [Action.RETRAIN] + [Action.NOTHING] * 2
    calm, degraded = [Outcome.CALM], [Outcome.DEGRADED]
    assert [window.outcome for window in found] == calm * 2 + degraded * 4
    assert "a run for it is under way" in found[-1].decision.reason
    [begun] = state.retrainings(open_state(known, SCHEMA))
    # The two windows that show it; not the calm ones before.
    assert begun.source.startswith(f"served:{day(CHANGED):%Y-%m-%d}T00:00:00..")
    assert begun.source.endswith("+champion")
    assert (begun.stage, begun.model_version, begun.shift) == (Stage.TRAINING, VERSION, f"model-{VERSION}/1")
    assert begun.reason == found[3].decision.reason


def test_a_shift_that_a_release_has_answered_begins_no_other_run_unless_it_is_rolled_back(
    tracked_platform: Platform, know: Know, settings: MonitoringSettings, congested: pl.DataFrame
) -> None:
    keep(know(tracked_platform), congested)

    def look(last: int) -> Window:
        return watch(tracked_platform, settings, day(last + 1) + LABELS_DUE + timedelta(minutes=1))[-1]

    for number in range(CHANGED, CHANGED + 2):
        begun = look(number).decision
    assert begun.action is Action.RETRAIN
    released = {"stage": Stage.ENDED, "result": Result.RELEASED}
    state.advance(open_state(tracked_platform, SCHEMA), begun.shift, released)
    with Tracking(tracked_platform.mlflow_tracking_uri) as tracking:
        run = tracking.create_run(tracking.experiment("test"), "test", {})
        for _ in range(int(VERSION) + 1):
            tracking.create_version(contract.MODEL_NAME, run, "model", {})
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, 10)
        replaced = look(CHANGED + 2).decision
        assert (replaced.action, replaced.shift) == (Action.NOTHING, f"model-{VERSION}/2")
        assert "version 10 has taken the place" in replaced.reason
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, int(VERSION))
        assert look(CHANGED + 3).decision.action is Action.RETRAIN


def test_a_window_is_looked_at_once_and_kept_as_it_was_measured(
    known: Platform, watch_day: Watch, congested: pl.DataFrame
) -> None:
    keep(known, congested)
    [window] = watch_day(CHANGED)
    assert watch_day(CHANGED) == []
    [kept] = state.windows(open_state(known, SCHEMA), last=10)
    assert kept.result.quality.overall is not None
    assert window.result.quality.overall is not None
    assert kept.result.quality.overall.error == window.result.quality.overall.error
    assert [column.told() for column in kept.result.drift.columns] == [
        column.told() for column in window.result.drift.columns
    ]
    assert kept.decision == window.decision
    assert kept.result.profile == window.result.profile


def test_where_journals_are_collected_elsewhere_windows_are_watched_and_old_rows_go(
    known: Platform, congested: pl.DataFrame
) -> None:
    keep(known, congested)
    settings = MonitoringSettings(retention_days=1)
    assert settings.journals is None
    [window] = watch(known, settings, day(CHANGED + 1) + LABELS_DUE + timedelta(minutes=1))
    assert window.result.rows > 1_000
    kept = tables.scan(known, log.PREDICTION_LOG).select(pl.col(log.DAY).min()).collect().item()
    assert kept == day(CHANGED).date()


def test_of_two_watchers_one_does_nothing(known: Platform, watch_day: Watch, congested: pl.DataFrame) -> None:
    keep(known, congested)
    with alone(open_state(known, SCHEMA), "monitor windows"):
        assert watch_day(CHANGED) == []
    assert len(watch_day(CHANGED)) == 1


def test_a_window_in_which_few_asked_says_that_there_is_not_enough(
    known: Platform, watch_day: Watch, congested: pl.DataFrame
) -> None:
    keep(known, congested.head(20))
    [window] = watch_day(CHANGED - 2)
    assert window.outcome is Outcome.NOT_ENOUGH
    assert window.decision.action is Action.NOTHING
    assert "not enough data: 20 rows" in window.decision.reason


def test_without_a_model_there_is_nothing_to_watch(tracked_platform: Platform, settings: MonitoringSettings) -> None:
    assert watch(tracked_platform, settings, datetime(2026, 3, 5, 12, tzinfo=UTC)) == []


def test_a_version_without_reference_is_told_by_its_error_alone(
    platform: Platform, settings: MonitoringSettings, congested: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The registry does not say what it was tested on.
    monkeypatch.setattr("monitoring.baseline._test_rows", lambda *_: None)
    keep(platform, congested)
    [window] = watch(platform, settings, day(CHANGED + 1) + LABELS_DUE + timedelta(minutes=1))
    assert window.reference_version == ""
    assert window.outcome is Outcome.NOT_ENOUGH
    assert window.result.quality.overall is not None
    assert window.result.quality.overall.error.value > 300
    assert not window.result.quality.overall.degraded
    assert window.decision.action is Action.NOTHING
    assert "nothing is known yet" in window.decision.reason


def test_after_eight_windows_in_service_a_version_has_a_reference(
    platform: Platform, settings: MonitoringSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.baseline._test_rows", lambda *_: None)
    keep(platform, logged(worlds.predictions(77, 49, 59)))
    found = [
        window
        for number in range(49, 59)
        for window in watch(platform, settings, day(number + 1) + LABELS_DUE + timedelta(minutes=1))
    ]
    assert [bool(window.reference_version) for window in found] == [False] * 8 + [True] * 2
    assert found[-1].outcome is Outcome.CALM
    assert found[-1].decision.action is Action.NOTHING


def test_a_caller_whose_clock_is_wrong_stops_the_learning(
    known: Platform, watch_day: Watch, congested: pl.DataFrame
) -> None:
    wrong = pl.col(contract.PICKUP_TIME) - timedelta(hours=6)
    keep(known, congested.with_columns(wrong))
    [window] = watch_day(CHANGED)
    assert window.outcome is Outcome.FAULT
    assert window.decision.action is Action.STOP
    assert "events say that they did not happen between" in window.decision.reason


def test_labels_that_have_not_come_are_waited_for_and_then_missed(
    known: Platform, watch_day: Watch, congested: pl.DataFrame
) -> None:
    keep(known, congested.with_columns(pl.lit(None, pl.Float64).alias(contract.TARGET)))
    first, second = (watch_day(number)[0] for number in (CHANGED - 2, CHANGED - 1))
    assert first.decision.action is Action.NOTHING
    assert "not enough data: 0 of" in first.decision.reason
    assert second.decision.action is Action.STOP
    assert "labels do not arrive" in second.decision.reason


def test_requests_that_were_sent_and_outcomes_that_were_told_twice_count_once(
    known: Platform, watch_day: Watch, congested: pl.DataFrame
) -> None:
    keep(known, congested)
    keep(known, congested)
    [window] = watch_day(CHANGED - 2)
    once = congested.filter(pl.col(AT).is_between(day(CHANGED - 2), day(CHANGED - 1), closed="left"))
    assert window.result.rows == once.height
    assert window.decision.action is Action.NOTHING


def test_a_window_is_shown_in_evidentlys_workspace(
    known: Platform, settings: MonitoringSettings, congested: pl.DataFrame, tmp_path: Path
) -> None:
    keep(known, congested)
    shown = settings.model_copy(update={"workspace": str(tmp_path / "evidently")})
    assert watch(known, shown, day(CHANGED) + LABELS_DUE + timedelta(minutes=1))
    [snapshot] = opened(str(tmp_path / "evidently"), PROJECT).kept()
    assert snapshot.start == day(CHANGED - 1).isoformat()
