"""What differs between stacks in what is still good."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds that alerts of one stack use.

    Attributes:
        dollars_month: What the stack may cost.
        features_hours: How old online features may be; ``None`` where their age says nothing.
        machines_come_and_go: Whether Karpenter starts machines, which cost something beside what is always there.
    """

    dollars_month: int
    features_hours: int | None
    machines_come_and_go: bool = False


# It pays for nothing. Its trips are made up or of a month past, so its features are old as soon as they are there.
LOCAL = Limits(dollars_month=0, features_hours=None)


# Features are materialised each hour. Nothing that the program makes is paid for.
ANY_CLUSTER = Limits(dollars_month=0, features_hours=2)


def of_cluster(monthly_budget: int) -> Limits:
    """The bounds of a stack in the cloud: its budget, and features of two hours at most."""
    return Limits(dollars_month=monthly_budget, features_hours=2, machines_come_and_go=True)
