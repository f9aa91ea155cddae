"""``python -m monitoring.demo.prepare``: the stack as a demonstration begins on it, and as it was when it is over.

The city goes on where the trips of the champion end, so the champion must have learned from generated ones, and the
feature store must hold these and no others. ``--since`` takes out of the log what was asked since a time: the trips of
one demonstration are no history of the next. Prints one JSON line: how many generated trips the champion learned from.
"""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from components import tables
from components.build_features.step import build_features
from components.database import alone, open_engine
from components.materialize.step import materialize
from components.platform import Platform
from components.recording import DATA_VERSION, SOURCE, champion
from components.served.tables import AT
from components.tracking import ModelVersion, Tracking
from components.trips.source import SYNTHETIC
from components.trips.synthetic import WEEKS
from monitoring import log_tables
from monitoring.collect import collect_unlocked
from monitoring.demo.city import LIVE
from monitoring.lines import KINDS
from monitoring.settings import MonitoringSettings


class UnpreparedError(RuntimeError):
    """The stack is not what a demonstration begins on; the message says why and what to do."""


def learned_from(platform: Platform) -> int:
    """How many generated trips the champion learned from.

    Raises:
        UnpreparedError: There is no champion, or it learned from others.
    """
    found = _champion(platform)
    source = found.tags.get(SOURCE, "")
    if source != SYNTHETIC:
        raise UnpreparedError(
            f"the champion, version {found.version}, learned from {source}, and the demonstration goes on where "
            f"{WEEKS} weeks of generated trips end: go back to a version that learned from these (make rollback "
            "REASON=), or show it on a new stack (make down PURGE=1; make up)"
        )
    return tables.version_rows(platform, tables.TRIPS, int(found.tags[DATA_VERSION]))


def only_the_champions_trips(platform: Platform) -> None:
    """Let the feature store hold the features of what the champion learned from, and of no trip that came later.

    Raises:
        UnpreparedError: There is no champion.
    """
    with tempfile.TemporaryDirectory(prefix="prepare-") as folder:
        data_version = int(_champion(platform).tags[DATA_VERSION])
        built = build_features(platform, data_version, Path(folder) / "features.parquet")
    versions = (built.zone_features_version, built.pair_features_version)
    materialize(platform, *versions, built.feature_end, move_back=True, forget_pushed=True)


def _champion(platform: Platform) -> ModelVersion:
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        found = champion(tracking)
    if found is None:
        raise UnpreparedError("there is no champion: train one: make train")
    return found


def forget_since(platform: Platform, settings: MonitoringSettings, since: datetime) -> int:
    """Take out of the log what was said since a time; returns how many rows."""
    with alone(open_engine(platform), log_tables.LOCK):
        if settings.journals is not None:
            # What still stands in a journal would come later.
            collect_unlocked(platform, settings.journals)
        found = [log_tables.existing(platform, kind.table) for kind in KINDS]
        moment = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        predicate = f"{AT} >= arrow_cast('{moment}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
        return sum(log_tables.delete(table, predicate) for table in found if table is not None)


def main(arguments: list[str]) -> None:
    """Prepare; prints one JSON line."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.demo.prepare", description=__doc__)
    parser.add_argument("--since", type=datetime.fromisoformat, help="take out of the log what came since, and no more")
    given = parser.parse_args(arguments)
    platform, settings = Platform(), MonitoringSettings()  # pyright: ignore[reportCallIssue]
    if given.since is not None:
        removed = forget_since(platform, settings, given.since)
        only_the_champions_trips(platform)
        print(json.dumps({"removed": removed}))
        return
    try:
        rows = learned_from(platform)
        only_the_champions_trips(platform)
    except UnpreparedError as error:
        sys.exit(f"not prepared: {error}")
    print(json.dumps({"rows": rows, "shows": LIVE.isoformat()}))


if __name__ == "__main__":
    main(sys.argv[1:])
