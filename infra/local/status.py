"""`make status`: what runs, how well, and what it serves.

Usage: ``python -m infra.local.status [--json]``. Exit code 0 when every service is healthy, 1 otherwise.
"""

import json
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer
from rich.console import Console
from rich.table import Table

from infra.local import client, health, processes, pulumi_cli
from infra.local.layout import Layout
from infra.local.supervisor import RUNNING, STARTING, Supervisor

ROOT = Path(__file__).resolve().parent.parent.parent

# Where a person would look, by service: the contract's variable for its address.
_ADDRESS = {
    "object-store": "AWS_ENDPOINT_URL_S3",
    "mlflow": "MLFLOW_TRACKING_URI",
    "feast": "KEELSON_FEAST_UI_URL",
    "prometheus": "KEELSON_PROMETHEUS_URL",
    "evidently": "KEELSON_EVIDENTLY_URL",
    "grafana": "KEELSON_GRAFANA_URL",
    "serving": "KEELSON_SERVING_URL",
}
# What people look at and no program asks for: the contract does not name it.
_LOOKED_AT = {"alertmanager", "dashboards", "monitor"}


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """One service at this moment.

    Attributes:
        health: ``healthy``, or what is wrong.
        uptime_seconds: Since its last start; 0 when it does not run.
        memory_mb: Proportional set size of all its processes, in MiB.
        address: Where to reach it.
    """

    name: str
    health: str
    uptime_seconds: int
    memory_mb: int
    processes: int
    address: str


def services(layout: Layout) -> list[ServiceStatus]:
    """The supervisor itself and each program that it knows, in order of name."""
    supervisor = Supervisor(layout)
    contract = pulumi_cli.platform(layout)
    checks = health_checks(layout)
    usage = _usage(layout.root)
    found = []
    for info in sorted(supervisor.programs(), key=lambda info: info["name"]):
        name = info["name"]
        running = info["statename"] in (RUNNING, STARTING)
        if not running:
            state = f"{info['statename'].lower()}: {info['spawnerr'] or info['description']}"
        else:
            state = health.problem(checks[name]) or "healthy" if name in checks else "not in the stack's state"
        memory, count = usage[name]
        found.append(
            ServiceStatus(
                name=name,
                health=state,
                uptime_seconds=info["now"] - info["start"] if running else 0,
                memory_mb=round(memory / 2**20),
                processes=count,
                address=_address(name, contract, checks),
            )
        )
    memory, count = usage[""]
    if count:
        found.append(
            ServiceStatus(
                name="supervisor",
                health="healthy" if supervisor.is_running() else "stopped",
                uptime_seconds=0,
                memory_mb=round(memory / 2**20),
                processes=count,
                address=str(layout.socket),
            )
        )
    return found


def health_checks(layout: Layout) -> dict[str, dict[str, Any]]:
    """Each program's health check, as Pulumi's state holds it; of a proxy, also the check of the route through it."""
    file = pulumi_cli.state_file(layout)
    if not file.exists():
        return {}
    resources = json.loads(file.read_text())["checkpoint"]["latest"].get("resources") or []
    made = [(resource["type"].rpartition(":")[2], resource.get("outputs", {})) for resource in resources]
    programs = [said["program"] for kind, said in made if kind in ("Service", "Generation") and "program" in said]
    checks = {program["name"]: program["health"] for program in programs if "health" in program}
    for kind, said in made:
        if kind == "Route" and said.get("service") in checks:
            own = checks[said["service"]]
            checks[said["service"]] = {**own, "http": [*own["http"], *said["health"]["http"]]}
    return checks


def _address(name: str, contract: dict[str, str], checks: dict[str, dict[str, Any]]) -> str:
    if name == "postgres":
        return f"{contract.get('KEELSON_FEAST_ONLINE_HOST', '')}:{contract.get('KEELSON_FEAST_ONLINE_PORT', '')}"
    if name in _LOOKED_AT and name in checks:
        return str(httpx.URL(checks[name]["http"][0]).join("/")).rstrip("/")
    return contract.get(_ADDRESS.get(name, ""), "")


def _usage(root: Path) -> dict[str, tuple[int, int]]:
    """Bytes and number of processes by service; the supervisor's own under the empty name."""
    usage: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for process in processes.of_stack(root):
        try:
            # Postgres hides its environment; nothing else of the stack does.
            service = (
                "postgres" if process.name() == "postgres" else process.environ().get(processes.SERVICE_MARKER, "")
            )
            memory = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        held, count = usage[service]
        usage[service] = (held + getattr(memory, "pss", memory.rss), count + 1)
    return usage


def model_status(layout: Layout) -> dict[str, Any]:
    """Champion and last run, as ``python -m pipelines.status`` tells them; empty while MLflow is away."""
    if not layout.platform_env.exists():
        return {}
    try:
        return client.result(layout, "pipelines.status")
    except client.ClientFailed:
        return {}


def service_table(found: list[ServiceStatus]) -> Table:
    """The services as a person reads them."""
    table = Table(box=None, pad_edge=False)
    for heading in ("service", "health", "up for", "memory", "address"):
        table.add_column(heading, justify="right" if heading == "memory" else "left", overflow="fold")
    for service in found:
        colour = "green" if service.health == "healthy" else "red"
        uptime = str(timedelta(seconds=service.uptime_seconds)) if service.uptime_seconds else "-"
        memory = f"{service.memory_mb} MB"
        table.add_row(service.name, f"[{colour}]{service.health}[/]", uptime, memory, service.address)
    return table


def main(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show each service's health, uptime and memory, the champion and the last run."""
    layout = Layout(ROOT)
    found = services(layout)
    models = model_status(layout)
    if as_json:
        print(json.dumps({"services": [asdict(s) for s in found], **models, "time": round(time.time())}))
    elif not found:
        print("The local stack is down. Bring it up with `make up`.")
    else:
        console = Console()
        console.print(service_table(found))
        console.print(f"memory in all: {sum(s.memory_mb for s in found)} MB")
        for line in model_lines(models):
            console.print(line)
    sys.exit(0 if found and all(s.health == "healthy" for s in found) else 1)


def model_lines(models: dict[str, Any]) -> list[str]:
    """Champion and last run in words."""
    champion, run = models.get("champion"), models.get("last_run")
    lines = [f"champion: {describe_champion(champion)}" if champion else "champion: none yet (make train)"]
    if run:
        lines.append(f"last run: {run['run_id']} {run['status'].lower()} at {run['ended'] or 'not ended'}")
    return lines


def describe_champion(champion: dict[str, Any]) -> str:
    """``version 3, data version 1, test MAE 210 s``."""
    metrics = ", ".join(f"{name} {value:,.1f}" for name, value in champion["metrics"].items())
    return f"version {champion['version']}, data version {champion['data_version']}, {metrics}"


if __name__ == "__main__":
    typer.run(main)
