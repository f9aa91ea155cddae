"""`make logs ID= STACK=`: everything that a cloud stack's pods wrote about a request or a run.

Usage: ``python -m infra.operations.find_logs ID --stack dev [--hours 168]``. Loki is asked through the Kubernetes API:
it takes AWS credentials of somebody whom the cluster lets search logs (docs/roles.md), and no open port. Lines come in
the order in which they were written. Exit code 1 where nothing was found.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from infra.apps.logs import NAMESPACE, STORE
from infra.observability.logs import NAMESPACE_LABEL, STORE_PORT
from infra.operations.account import Account, AccountError
from infra.operations.cluster_api import ClusterGone, ClusterUnreachable, connected
from infra.operations.stack import StackError, load

# A request's, an MLflow run's, or a run's name: what infra/local/find_logs.py takes.
_ID = re.compile(r"[A-Za-z0-9._-]{4,64}")
# As many as Loki gives at once.
MOST = 5000
PATH = "/loki/api/v1/query_range"


@dataclass(frozen=True, kw_only=True, order=True)
class Line:
    """One line, when it was written, and by which container."""

    at: datetime
    pod: str
    container: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%dT%H:%M:%S.%f}Z {self.pod}/{self.container}: {self.text}"


def question(identity: str, hours: int) -> dict[str, str]:
    """Loki's parameters; an id that only begins alike is another one."""
    exact = f"(^|[^A-Za-z0-9._-]){re.escape(identity)}([^A-Za-z0-9._-]|$)".replace("\\", "\\\\")
    query = f'{{{NAMESPACE_LABEL}=~".+"}} |= "{identity}" |~ "{exact}"'
    return {"query": query, "since": f"{hours}h", "limit": str(MOST), "direction": "forward"}


def lines(answer: Mapping[str, Any]) -> Iterator[Line]:
    """The lines of Loki's answer."""
    for stream in answer["data"]["result"]:
        about = stream["stream"]
        for nanoseconds, text in stream["values"]:
            yield Line(
                at=datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC),
                pod=about.get("k8s_pod_name", ""),
                container=about.get("k8s_container_name", ""),
                text=text,
            )


def main(
    identity: Annotated[str, typer.Argument(metavar="ID", help="of a request or a run")],
    stack: Annotated[str, typer.Option(help="dev, staging or prod")],
    hours: Annotated[int, typer.Option(min=1, help="how far back")] = 168,
) -> None:
    """Print everything that a stack's pods wrote about a request or a run."""
    if not _ID.fullmatch(identity):
        sys.exit("Give the id of a request or a run: make logs ID=9f2c01b7 STACK=dev")
    try:
        chosen = load(stack)
        with connected(Account(chosen.region), chosen.prefix) as api:
            answer = api.ask_service(NAMESPACE, f"{STORE}:{STORE_PORT}", PATH, question(identity, hours))
    except (StackError, AccountError, ClusterGone, ClusterUnreachable) as error:
        sys.exit(f"make logs: {error}")
    found = sorted(lines(answer))
    for line in found:
        print(line)
    if len(found) == MOST:
        print(f"There are more than {MOST} lines: ask for fewer hours (HOURS={max(1, hours // 2)}).", file=sys.stderr)
    if not found:
        sys.exit(f"Nothing was written about {identity} within {hours} hours.")


if __name__ == "__main__":
    typer.run(main)
