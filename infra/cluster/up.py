"""`make cluster`: a Kubernetes of this clone's own, or a look at one that is there.

Usage: ``python -m infra.cluster.up [--nodes real|simulated] [--kubeconfig FILE]``. Standard output is one line, by
which a shell uses the cluster.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.cluster import api, control_plane, enclosure, metrics, node, simulation
from infra.cluster.certificates import Authority
from infra.cluster.control_plane import Plan
from infra.cluster.down import take_down
from infra.cluster.layout import ClusterLayout, of_clone
from infra.cluster.record import Nodes, choose, read
from infra.local import health, processes
from infra.local.program import Program
from infra.local.supervisor import Supervisor, SupervisorError, write_private
from infra.tools.program import MissingProgramError, program

Say = Callable[[str], None]

_FAULTS = (MissingProgramError, SupervisorError, health.ServiceFailed, api.Unreachable, api.Refused, node.NodeError)


def main(
    nodes: Annotated[Nodes, typer.Option(help="real: this machine runs pods; simulated: objects alone")] = "real",
    kubeconfig: Annotated[Path | None, typer.Option(help="an existing cluster, which is only looked at")] = None,
) -> None:
    """Bring the clone's cluster up, or see that an existing one answers."""
    console = Console(stderr=True)
    layout = of_clone()
    try:
        if kubeconfig:
            console.print(f"Kubernetes {api.version(kubeconfig)} answers")
            print(f"export KUBECONFIG={kubeconfig.absolute()}")
            return
        bring_up(layout, nodes, console.print)
    except _FAULTS as error:
        sys.exit(f"make cluster: {error}")
    console.print(
        f"Kubernetes {api.version(layout.kubeconfig)} answers, with {_megabytes(layout)} MB of memory; "
        "`make cluster-down` takes it away"
    )
    print(f"export KUBECONFIG={layout.kubeconfig}")


def bring_up(layout: ClusterLayout, nodes: Nodes, say: Say) -> None:
    """A cluster that answers: the one that is there if it is of this kind and whole, else a new one.

    Raises:
        NodeError: This machine cannot have a real node, or it does not become ready.
        MissingProgramError: A server can be had in no way.
        SupervisorError: The supervisor did not start, or what was there cannot be ended.
        ServiceFailed: A server did not come up.
    """
    if nodes == "real" and (fault := node.fault(layout.root)):
        raise node.NodeError(fault)
    found = read(layout)
    if found and found.nodes == nodes and api.answers(layout.kubeconfig):
        say("the cluster is up already")
        return
    take_down(layout)
    wanted = (*control_plane.TOOLS, *(simulation if nodes == "simulated" else node).TOOLS)
    tools = {name: program(name, group="cluster") for name in wanted}
    record = choose(nodes)
    plan = Plan(layout=layout, record=record, tools=tools, authority=Authority("keelson"))
    supervisor = Supervisor(layout, enclosure.around(layout) if nodes == "real" else ())
    supervisor.ensure_running()
    write_private(layout.kubeconfig, plan.administrator())
    for one in _programs(plan):
        _start(one, supervisor, say)
    if nodes == "real":
        known = api.Api(layout.kubeconfig)
        node.furnish(plan, known)
        for one in (node.enforcer(plan), metrics.server(plan)):
            _start(node.in_network(one), supervisor, say)
        node.announce_metrics(plan, known)
        say(f"node {node.NAME} is ready")
    # Last: a cluster that was interrupted before this is no cluster, and the next one takes its place.
    write_private(layout.record, record.model_dump_json())


def _programs(plan: Plan) -> list[Program]:
    if plan.record.nodes == "simulated":
        return [*control_plane.programs(plan), *simulation.programs(plan)]
    return [node.forwarder(plan), *map(node.in_network, [*control_plane.programs(plan), *node.programs(plan)])]


def _start(one: Program, supervisor: Supervisor, say: Say) -> None:
    start = time.monotonic()
    supervisor.start(one)
    health.wait(one, supervisor)
    say(f"{one.name}: {time.monotonic() - start:.1f} s")


def _megabytes(layout: ClusterLayout) -> int:
    """Memory of the cluster's own processes, where shared pages count once (proportional set size)."""
    return round(sum(one.memory_full_info().pss for one in processes.of_stack(layout.root)) / 1e6)


if __name__ == "__main__":
    typer.run(main)
