"""May a change enter an environment? Pure: no clock, no network, no state.

A change is known by the digest of its content, so what was tried in one environment is what enters the next, to the
byte. An environment is entered from the one before it alone, and only once enough runs in a row were green there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from infra.settings import STACKS

# In the order in which a change passes them: the cloud stacks' own names.
ENVIRONMENTS = tuple(STACKS)
DEV, STAGING, PROD = ENVIRONMENTS


class Kind(StrEnum):
    """What is carried: the sources, by the hash of their tree, or a bundle of models, by the hash of its content."""

    CODE = "code"
    MODEL = "model"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of one run of a change in an environment.

    Attributes:
        environment: Where.
        kind: Of the change.
        digest: Of the change.
        number: Of the run; a run that is repeated keeps it, and counts once.
        green: Whether all of it succeeded.
    """

    environment: str
    kind: Kind
    digest: str
    number: int
    green: bool


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A change that wants to enter an environment.

    Attributes:
        environment: Which.
        kind: Of the change.
        digest: Of the change.
        approvers: Who approved of this entry.
    """

    environment: str
    kind: Kind
    digest: str
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """What an entry needs.

    Attributes:
        green_runs: By environment and kind, the green runs in a row that the environment before it must show.
        approved: The environments that are entered only with somebody's approval.
    """

    green_runs: Mapping[tuple[str, Kind], int]
    approved: frozenset[str] = frozenset({PROD})


# A bundle is tried on callers in staging until a test of its errors decides; deploying code twice shows more than once.
RULES = Rules(
    MappingProxyType(
        {
            (STAGING, Kind.CODE): 1,
            (PROD, Kind.CODE): 3,
            (STAGING, Kind.MODEL): 1,
            (PROD, Kind.MODEL): 1,
        }
    )
)


def environment_before(environment: str) -> str | None:
    """The one that a change passes before this one; None for the first.

    Raises:
        ValueError: There is no such environment.
    """
    if environment not in ENVIRONMENTS:
        raise ValueError(f"{environment!r} is no environment; there are {', '.join(ENVIRONMENTS)}")
    place = ENVIRONMENTS.index(environment)
    return ENVIRONMENTS[place - 1] if place else None


def green_in_a_row(runs: Iterable[Run], environment: str, kind: Kind, digest: str) -> int:
    """How many different runs of a change were green there, since the last one that was not.

    Args:
        runs: The oldest first.
        environment: Where.
        kind: Of the change.
        digest: Of the change.
    """
    numbers: set[int] = set()
    for run in runs:
        if (run.environment, run.kind, run.digest) == (environment, kind, digest):
            numbers = numbers | {run.number} if run.green else set()
    return len(numbers)


def refusals(entry: Entry, runs: Iterable[Run], rules: Rules = RULES) -> tuple[str, ...]:
    """Why a change may not enter, each reason in a sentence; it may where there is none.

    Args:
        entry: What wants to enter where.
        runs: All that is known, the oldest first.
        rules: What is needed.

    Raises:
        ValueError: There is no such environment.
    """
    found: list[str] = []
    before = environment_before(entry.environment)
    if before is not None:
        wanted = rules.green_runs[entry.environment, entry.kind]
        green = green_in_a_row(runs, before, entry.kind, entry.digest)
        if green < wanted:
            found.append(
                f"{entry.kind} {entry.digest} has {green} green runs in a row in {before}, and {entry.environment} "
                f"wants {wanted}"
            )
    if entry.environment in rules.approved and not entry.approvers:
        found.append(f"nobody approved of this run for {entry.environment}")
    return tuple(found)
