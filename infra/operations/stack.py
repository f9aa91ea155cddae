"""A cloud stack as its operators know it: settings, names and tags, all without an account."""

from dataclasses import dataclass

from infra import settings
from infra.aws import naming
from infra.aws.naming import PROJECT
from infra.render import engine
from infra.settings.cloud import CloudSettings


class StackError(ValueError):
    """There is no such cloud stack, or a setting of it is wrong; the message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One cloud stack."""

    settings: CloudSettings

    @property
    def name(self) -> str:
        return self.settings.stack

    @property
    def region(self) -> str:
        return self.settings.region

    @property
    def prefix(self) -> str:
        """What the names of the stack's parts begin with; also the name of its cluster: ``keelson-dev``."""
        return naming.prefix(self.name)

    @property
    def regions(self) -> tuple[str, ...]:
        """Where the stack has parts: its own region, and that of its buckets' copies."""
        copies = self.settings.replica_region
        return (self.region, copies) if copies else (self.region,)

    @property
    def tags(self) -> dict[str, str]:
        """Tags on all that Pulumi makes for the stack."""
        return {"project": PROJECT, "stack": self.name, "managed-by": "pulumi"}


def load(name: str) -> Stack:
    """The stack as its file describes it.

    Raises:
        StackError: There is no such stack, it is one without AWS, or a setting is wrong.
    """
    if name == "cluster":
        raise StackError("Stack 'cluster' has nothing in AWS: its cluster is yours to look after.")
    if name == "local":
        raise StackError("Stack 'local' runs on this machine: use `make up` and `make down`.")
    try:
        chosen = settings.load(name, PROJECT, engine.stack_file(name))
    except (FileNotFoundError, settings.SettingsError) as error:
        raise StackError(str(error)) from None
    assert isinstance(chosen, CloudSettings)
    return Stack(settings=chosen)
