"""The phases that teardown and pause share, told to the user as they pass. Each finds what is already done."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from infra.operations import controllers, pulumi_cli, snapshots
from infra.operations.account import Account, AccountError
from infra.operations.cluster_api import ClusterApi, ClusterGone, ClusterUnreachable, connected
from infra.operations.drain import Drain
from infra.operations.patience import Patience, TimedOut
from infra.operations.stack import Stack, StackError, load

Connect = Callable[[Account, str], AbstractContextManager[ClusterApi]]


class Stopped(RuntimeError):
    """The operation cannot go on; the message is one sentence that says what to do."""


# What a phase may end with, in words for the user.
FAILURES = (Stopped, StackError, AccountError, pulumi_cli.PulumiError, TimedOut, ClusterUnreachable)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One run of teardown, pause or resume.

    Attributes:
        account_id: Account of the credentials.
        connect: How the cluster's API is reached.
    """

    stack: Stack
    account: Account
    account_id: str
    pulumi: pulumi_cli.PulumiCli
    console: Console
    connect: Connect = field(default=connected)
    patience_seconds: float = 900
    pause: float = 5

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Announce one phase, and say how long it took."""
        self.console.rule(f"[bold]{title}", align="left", style="dim")
        start = time.perf_counter()
        yield
        self.console.print(f"[dim]{time.perf_counter() - start:.0f} s[/]")

    def tell(self, sentence: str) -> None:
        """Show one sentence of progress."""
        self.console.print(sentence, markup=False, highlight=False)

    @property
    def patience(self) -> Patience:
        return Patience(tell=self.tell, seconds=self.patience_seconds, pause=self.pause)


def begin(stack: str, environment: Mapping[str, str]) -> Operation:
    """Settings, credentials and state of a stack.

    Raises:
        StackError, AccountError, PulumiError, Stopped: One of them is missing or wrong.
    """
    chosen = load(stack)
    pulumi = pulumi_cli.at_edge(stack, environment)
    account = Account(chosen.region)
    account_id = account.ask("sts", "get_caller_identity")["Account"]
    wanted = chosen.settings.account_id
    if wanted is not None and wanted != account_id:
        raise Stopped(f"These credentials are of account {account_id}; stack {stack} belongs to {wanted}.")
    return Operation(stack=chosen, account=account, account_id=account_id, pulumi=pulumi, console=Console(stderr=True))


def command(title: str, work: Callable[[Mapping[str, str]], None]) -> None:
    """Run an operation at the edge of the process: its failures become one sentence and exit code 1."""
    try:
        work(dict(os.environ))
    except FAILURES as error:
        sys.exit(f"{title}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{title}: interrupted; run it again, and it goes on from here")


def check_endings(operation: Operation, resources: list[dict[str, Any]]) -> list[snapshots.Ending]:
    """The databases that go and the snapshots that stay of them.

    Raises:
        Stopped: RDS would refuse a snapshot, because an older one has its name.
    """
    endings = snapshots.endings(resources)
    for one in endings:
        if snapshots.taken(operation.account, one):
            raise Stopped(
                f"RDS would refuse to take {one.database} down: a snapshot {one.snapshot} of an earlier life is there. "
                f"Give it another name with `aws rds copy-db-snapshot`, or delete it: aws rds delete-db-snapshot "
                f"--db-snapshot-identifier {one.snapshot} --region {operation.stack.region}"
            )
    return endings


def drain(operation: Operation) -> bool:
    """Empty the cluster; where there is none, remove what its controllers left in AWS.

    Returns:
        Whether objects in the cluster can no longer be deleted: it is gone, or does not answer.

    Raises:
        Stopped: The cluster does not answer, and its controllers still hold things in AWS.
        TimedOut: Something does not go.
    """
    stack, account = operation.stack, operation.account
    try:
        with operation.connect(account, stack.prefix) as api:
            Drain(api, account, stack, operation.patience, operation.tell).run()
        operation.tell("the cluster is empty")
        return False
    except ClusterGone:
        operation.tell(f"cluster {stack.prefix} is gone already; looking at what its controllers left in AWS")
        controllers.end(account, stack)
        operation.patience.until_gone("machines of Karpenter in AWS", lambda: controllers.machines(account, stack))
        return True
    except ClusterUnreachable as error:
        operation.tell(f"not drained: {error}; looking at what its controllers hold in AWS")
        held = [*controllers.balancers(account, stack), *controllers.machines(account, stack)]
        if held:
            raise Stopped(
                f"The cluster must be drained from where its API answers, as its controllers hold {', '.join(held)}. "
                "Run this inside the VPC, or open the API to your address: pulumi config set --path "
                f"'network.api-allowed-cidrs[0]' <address>/32 --stack {stack.name}, then pulumi up --stack "
                f"{stack.name}, then this again."
            ) from None
        operation.tell("nothing in AWS: going on without the cluster")
        return True
