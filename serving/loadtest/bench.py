"""The bundle beside other servers of the same model, in one run: ``python -m serving.loadtest.bench``.

Needs the running stack, whose feature server answers the lookups. Prints tables on stderr and one JSON line on stdout
last. The load generator runs on the same machine.
"""

import json
import os
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from components.platform import Platform
from serving.bundle import build_bundle
from serving.loadtest import contestants as servers
from serving.loadtest.figures import overload, throughput
from serving.loadtest.report import report
from serving.loadtest.results import CLIENTS, Bench, as_json
from serving.loadtest.running import Running, UnavailableError, running
from serving.loadtest.tables import ratio_table, server_table, strain_table
from serving.loadtest.vegeta import LoadError, attack_at, attack_from
from serving.registry import RegisteredModel

_WARM_SECONDS = 1


def measure(feature_server: str, rounds: int, seconds: int, console: Console) -> Bench:
    """Train, bundle, start all servers, and load them in turn.

    Raises:
        LoadError: The load generator failed, or is not there.
    """
    found = Bench()
    with tempfile.TemporaryDirectory(prefix="keelson-bench-") as folder, ExitStack() as ending:
        scratch = Path(folder)
        # Once the servers are ended: another Ctrl-C must not keep the folder from being removed.
        ending.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
        chosen = _contestants(scratch, feature_server)
        there: list[Running] = []
        for contestant in chosen:
            console.print(f"starting {contestant.name}")
            try:
                there.append(ending.enter_context(running(contestant, scratch)))
            except UnavailableError as error:
                found.unavailable[contestant.name] = str(error)
        for server in there:
            found.ready_seconds[server.contestant.name] = server.ready_seconds
            found.rounds[server.contestant.name] = {clients: [] for clients in CLIENTS}
        _rounds(there, found, rounds, seconds, console)
        _strain(there, found, seconds, console)
        for server in there:
            log = server.contestant.log
            if log and not any(file.stat().st_size for file in log.rglob("*") if file.is_file()):
                found.unavailable[server.contestant.name] = "it wrote no prediction log"
                del found.rounds[server.contestant.name]
    return found


def _contestants(scratch: Path, feature_server: str) -> list[servers.Contestant]:
    model = servers.train(scratch / "model")
    os.environ.update(BENTOML_HOME=str(scratch / "bentos"), BENTOML_DO_NOT_TRACK="True")
    bundle = build_bundle(RegisteredModel(model, version="1", run_id="none", data_version="none"))
    return servers.contestants(model, bundle, scratch, feature_server)


def _rounds(there: list[Running], found: Bench, rounds: int, seconds: int, console: Console) -> None:
    """Each round loads each server, every time another one first."""
    used: dict[str, float] = defaultdict(float)
    requests = Counter[str]()
    for turn in range(rounds):
        first = turn % max(len(there), 1)
        for server in [*there[first:], *there[:first]]:
            name = server.contestant.name
            console.print(f"round {turn + 1} of {rounds}: {name}")
            attack_from(CLIENTS[-1], _WARM_SECONDS, server.targets)
            before = server.processor_seconds()
            for clients in CLIENTS:
                hits = attack_from(clients, seconds, server.targets)
                found.rounds[name][clients].append(throughput(hits))
                requests[name] += len(hits)
            used[name] += server.processor_seconds() - before
    for server in there:
        name = server.contestant.name
        found.megabytes[name] = server.megabytes()
        found.processor_milliseconds[name] = used[name] / requests[name] * 1e3


def _strain(there: list[Running], found: Bench, seconds: int, console: Console) -> None:
    """The bundle at half and at twice of what it can do; requests arrive whether or not it keeps up."""
    for server in there:
        name = server.contestant.name
        if name not in (servers.SERVICE, servers.SERVICE_LOOKUP):
            continue
        console.print(f"half and twice the largest rate: {name}")
        half, double = max(int(found.most(name) / 2), 1), int(found.most(name) * 2)
        found.half[name] = report(attack_at(half, seconds, server.targets), rate=half, seconds=seconds)
        found.double[name] = overload(attack_at(double, seconds, server.targets))


def end_on_signal() -> None:
    """Let SIGTERM end the servers too, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("make bench-serving: ended by SIGTERM"))


def main(
    rounds: Annotated[int, typer.Option(min=3, help="how often each server is loaded")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="of each measurement")] = 5,
) -> None:
    """Print requests per second, latencies, memory and readiness of each server, and the ratios between them."""
    # Wide enough for the tables where there is no terminal.
    console = Console(stderr=True, width=120)
    end_on_signal()
    feature_server = Platform().feast_server_url  # pyright: ignore[reportCallIssue]
    try:
        found = measure(feature_server, rounds, seconds, console)
    except LoadError as error:
        sys.exit(f"make bench-serving: {error}")
    except KeyboardInterrupt:
        sys.exit("make bench-serving: interrupted; the servers are ended")
    console.print(f"c: clients at once; {psutil.cpu_count()} cores, load average before: {found.load_average:.1f}")
    console.print(server_table(found), ratio_table(found), strain_table(found))
    for name, why in found.unavailable.items():
        console.print(f"not measured: {name}: {why}", highlight=False, soft_wrap=True)
    print(json.dumps(as_json(found)), flush=True)


if __name__ == "__main__":
    typer.run(main)
