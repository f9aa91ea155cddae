"""A model of a few served days beside what was known before: from the log to the champion, and rebuilt to the byte."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from pydantic import SecretStr

from components import contract
from components.features import online_state
from components.platform import Platform
from components.recording import DATA_VERSION, LEARN_FROM, champion
from components.served.labelled import LABEL
from components.served.tables import AT
from components.tracking import Tracking
from components.validate.bench import clean_trips

# Where the trips of the base end, and where those that are learned from begin.
BASE_ENDS, FIRST = datetime(2026, 2, 16), datetime(2026, 2, 23)
AHEAD = timedelta(hours=5)


def run(platform: Platform, module: str, *arguments: str) -> dict[str, Any]:
    """The JSON line of a module that must succeed."""
    values = {str(field.validation_alias): getattr(platform, name) for name, field in Platform.model_fields.items()}
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=os.environ | plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


def train(platform: Platform, data: str) -> dict[str, Any]:
    asked = ["--data", data, "--seed", "3", "--families", "linear", "--trials", "1", "--force-reason", "a drill"]
    return run(platform, "pipelines.run", "training", *asked)


def test_served_days_are_learned_from_and_the_weeks_before_them_are_known(
    live: Platform, tmp_path: Any, write_log: Callable[[Platform, pl.DataFrame], None]
) -> None:
    trips, began = clean_trips(9000, 5), pl.col(contract.PICKUP_TIME)
    trips.filter(began < BASE_ENDS).write_parquet(tmp_path / "base.parquet")
    base = train(live, str(tmp_path / "base.parquet"))
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
    served = train(live, f"served:{since:%Y-%m-%dT%H:%M:%S}..2026-03-20+champion")
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
    answer = run(live, "pipelines.reproduce", served["run_id"], "--allow-dirty")
    assert answer["identical"], answer["differences"]
