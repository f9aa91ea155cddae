"""Priority classes: who stays when a node is full."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import meta, scheduling


@dataclass(frozen=True, kw_only=True)
class Priority:
    """One class.

    Attributes:
        value: Higher stays longer; the cluster's own parts have two thousand million.
        preempts: Whether a waiting pod may end pods of lower classes.
    """

    value: int
    preempts: bool
    description: str


CRITICAL, SERVICE, BATCH = "keelson-critical", "keelson-service", "keelson-batch"

PRIORITIES: Mapping[str, Priority] = {
    CRITICAL: Priority(
        value=1_000_000, preempts=True, description="databases, and what other parts cannot start without"
    ),
    SERVICE: Priority(value=100_000, preempts=True, description="services that people or models wait for"),
    BATCH: Priority(
        value=1_000, preempts=False, description="jobs and pipeline steps, which are repeated when they are ended"
    ),
}


class PriorityClasses(pulumi.ComponentResource):
    """The classes of ``PRIORITIES``."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keelson:apps:PriorityClasses", name, None, opts)
        for kind, priority in PRIORITIES.items():
            scheduling.v1.PriorityClass(
                f"{name}-{kind}",
                metadata=meta.v1.ObjectMetaArgs(name=kind),
                value=priority.value,
                description=priority.description,
                preemption_policy="PreemptLowerPriority" if priority.preempts else "Never",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
