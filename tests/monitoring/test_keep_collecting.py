"""A collector that goes on takes in what is there, and at its end what was written last; it is told little."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy import make_url

from components import tables
from components.journal import PREDICTIONS, Journal
from components.platform import Platform, TableStore
from components.served.tables import PREDICTION_LOG, REQUEST
from infra import outputs
from monitoring.lines import LINE, REJECTED_LOG

Writes = Callable[..., None]


@pytest.fixture
def told_little(request: pytest.FixtureRequest, platform: Platform, journals: Path) -> Iterator[dict[str, str]]:
    """The environment of a container beside the service: of the database it may take locks alone."""
    server, owner = request.getfixturevalue("postgres"), make_url(platform.pipelines_database.get_secret_value())
    guest, database = sql.Identifier(f"{owner.username}_guest"), sql.Identifier(str(owner.database))
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'guest'").format(guest))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, guest))
    place = owner.set(username=f"{owner.username}_guest", password="guest").render_as_string(hide_password=False)
    values = platform.model_copy(update={"pipelines_database": place}).model_dump(include={*TableStore.model_fields})
    values["secret_access_key"] = values["secret_access_key"].get_secret_value()
    known = {one.env: str(values[one.name]) for one in outputs.OUTPUTS if one.name in values}
    yield {"PATH": os.environ["PATH"], "KEELSON_PREDICTION_LOG": str(journals), **known}
    with server.connect() as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(guest))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(database, guest))
        connection.execute(sql.SQL("DROP ROLE {}").format(guest))


@contextlib.contextmanager
def collecting(environment: dict[str, str], every: str = "3600") -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "monitoring.collect", "--every", every]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stopped(process: "subprocess.Popen[str]") -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def requests(platform: Platform) -> list[str]:
    if tables.latest_version(platform, PREDICTION_LOG) is None:
        return []
    return sorted(tables.scan(platform, PREDICTION_LOG).collect()[REQUEST])


def test_it_takes_in_what_is_there_and_at_its_end_what_was_written_last(
    platform: Platform, journals: Path, predicted: Writes, told_little: dict[str, str]
) -> None:
    predicted("r1")
    with collecting(told_little) as process:
        # It tells what it took in once it has looked for more and found none: what comes now waits for the next time.
        assert process.stderr is not None
        first = process.stderr.readline()
        assert requests(platform) == ["r1"]
        predicted("r2")
        # A service that was killed in the middle of a line.
        with Journal(journals, PREDICTIONS) as journal:
            journal.append(b'{"half')
        assert requests(platform) == ["r1"]
        status, said = stopped(process)
    assert status == 0
    assert requests(platform) == ["r1", "r2"]
    assert tables.scan(platform, REJECTED_LOG).collect()[LINE].to_list() == [b'{"half']
    taken = [json.loads(json.loads(line)["message"].removeprefix("took in ")) for line in (first, *said.splitlines())]
    assert [one["predictions"] for one in taken] == [1, 1]


def test_it_takes_in_again_after_a_while(platform: Platform, predicted: Writes, told_little: dict[str, str]) -> None:
    predicted("r1")
    with collecting(told_little, every="1") as process:
        wait_for(lambda: requests(platform) == ["r1"])
        predicted("r2")
        wait_for(lambda: requests(platform) == ["r1", "r2"])
        assert stopped(process)[0] == 0


def test_where_the_lock_cannot_be_had_it_goes_on_and_says_so(
    predicted: Writes, platform: Platform, told_little: dict[str, str]
) -> None:
    predicted("r1")
    nowhere = {"KEELSON_PIPELINES_DATABASE": "postgresql+psycopg://nobody:x@127.0.0.1:1/none"}
    with collecting({**told_little, **nowhere}, every="1") as process:
        # Told twice: it went on.
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]
        assert process.poll() is None
        status, _ = stopped(process)
    assert all("nothing could be taken in" in line for line in lines)
    assert status == 1
    assert requests(platform) == []


@pytest.mark.parametrize(
    ("every", "changes", "message"),
    [
        ("0", {}, "0 is not from 1 to 86400: give the seconds between two times"),
        ("soon", {}, "soon"),
        ("60", {"KEELSON_PREDICTION_LOG": None}, "set KEELSON_PREDICTION_LOG to the one that the service writes to"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    every: str, changes: dict[str, None], message: str, told_little: dict[str, str]
) -> None:
    environment = {name: value for name, value in told_little.items() if name not in changes}
    with collecting(environment, every) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 2
    assert message in said
