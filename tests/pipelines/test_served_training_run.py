"""A model of a few served days beside what was known before: from the log to the champion, and rebuilt to the byte."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from components import contract
from components.features import online_state
from components.platform import Platform
from components.recording import DATA_VERSION, LEARN_FROM, champion
from components.served.labelled import LABEL
from components.served.tables import AT
from components.tracking import Tracking
from components.validate.bench import clean_trips

pytestmark = pytest.mark.training

# Where the trips of the base end, and where those that are learned from begin.
BASE_ENDS, FIRST = datetime(2026, 2, 16), datetime(2026, 2, 23)
AHEAD = timedelta(hours=5)


@pytest.fixture
def train(live: Platform, run_module: Any) -> Callable[[str], dict[str, Any]]:
    """Trains on a source of trips; gives the JSON line."""
    asked = ["--seed", "3", "--families", "linear", "--trials", "1", "--force-reason", "a drill"]
    return lambda data: run_module(live, "pipelines.run", "training", "--data", data, *asked)[0]


def test_served_days_are_learned_from_and_the_weeks_before_them_are_known(
    live: Platform,
    tmp_path: Any,
    write_log: Callable[[Platform, pl.DataFrame], None],
    train: Callable[[str], dict[str, Any]],
    run_module: Any,
) -> None:
    trips, began = clean_trips(9000, 5), pl.col(contract.PICKUP_TIME)
    trips.filter(began < BASE_ENDS).write_parquet(tmp_path / "base.parquet")
    base = train(str(tmp_path / "base.parquet"))
    taken = (pl.col(contract.DROPOFF_TIME) - began).dt.total_microseconds() / 1e6
    write_log(
        live,
        trips.filter(began >= BASE_ENDS).select(
            (began.dt.replace_time_zone("UTC") + AHEAD).alias(AT),
            *(contract.PICKUP_TIME, contract.PICKUP_ZONE, contract.DROPOFF_ZONE, contract.DISTANCE),
            pl.col(contract.PASSENGERS).cast(pl.Float64),
            taken.alias(LABEL),
        ),
    )
    since = FIRST.replace(tzinfo=UTC) + AHEAD
    served = train(f"served:{since:%Y-%m-%dT%H:%M:%S}..2026-03-20+champion")
    new = trips.filter(began >= FIRST)
    first = new[contract.PICKUP_TIME].min()
    assert isinstance(first, datetime)

    with Tracking(live.mlflow_tracking_uri) as tracking:
        newest = champion(tracking)
    assert newest is not None
    assert newest.version == served["model_version"] == base["model_version"] + 1
    assert newest.tags[DATA_VERSION] == str(served["data_version"])
    assert newest.tags[LEARN_FROM] == first.isoformat()
    # What is tested on is the last fifth of the new days, and nothing of the weeks before is in any part.
    last = new[contract.PICKUP_TIME].max()
    assert isinstance(last, datetime)
    tested = new.filter(began >= first + (last - first) * 0.8)
    assert served["metrics"]["test"]["rows"] == tested.height
    assert served["metrics"]["train"]["rows"] <= new.height - tested.height
    # What goes online is made of all: the champion's weeks too.
    with online_state.transaction(live) as cursor:
        state = online_state.read(cursor)
    assert state is not None
    assert state.data_version == served["data_version"]

    # The code of these tests may have been changed since the last commit.
    answer, _ = run_module(live, "pipelines.reproduce", served["run_id"], "--allow-dirty")
    assert answer["identical"], answer["differences"]
