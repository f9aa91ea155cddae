"""What a stack's program asked Pulumi for: plain data, in a fixed order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Stands for a secret's value, which a recording never holds.
HIDDEN = "[secret]"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource as the program registered it.

    Attributes:
        urn: Pulumi's name of it, unique in the stack.
        type: Pulumi's type token, such as ``aws:s3/bucket:Bucket`` or ``kubernetes:apps/v1:Deployment``.
        name: Logical name.
        inputs: Inputs in Pulumi's spelling (camelCase). A value known only after deployment is a text such as
            ``<vpc.id>`` (logical name of the resource that has it, and the property); a secret is ``[secret]``.
        parent: URN of the parent; empty for the stack itself.
        depends_on: URNs of all resources that are made before this one, sorted.
        component: Whether it is a component: it groups others and is not made itself.
        outputs: What a component says of itself; empty for everything else.
        protect: Whether Pulumi refuses to delete it.
        retain_on_delete: Whether it stays in the cloud when Pulumi forgets it.
        ignore_changes: Paths of inputs whose changes in the program are not applied.
    """

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    depends_on: tuple[str, ...] = ()
    component: bool = False
    outputs: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    retain_on_delete: bool = False
    ignore_changes: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """``aws``, ``kubernetes``, ``pulumi`` or ``keelson``."""
        return self.type.split(":", 1)[0]

    @property
    def kind(self) -> str:
        """Last part of the type: ``Bucket``, ``Deployment``."""
        return self.type.rsplit(":", 1)[1]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A whole stack: its resources sorted by URN, and its outputs.

    Attributes:
        calls: Provider functions that the program called, ``("aws:index/getCallerIdentity:getCallerIdentity", ...)``.
    """

    stack: str
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    calls: tuple[str, ...] = ()

    def of_type(self, *types: str) -> tuple[Resource, ...]:
        """All resources of these type tokens."""
        return tuple(one for one in self.resources if one.type in types)

    def of_package(self, package: str) -> tuple[Resource, ...]:
        """All resources that a provider would make, without components and providers."""
        return tuple(
            one
            for one in self.resources
            if one.package == package and not one.component and not one.type.startswith("pulumi:providers:")
        )

    def with_urn(self, urn: str) -> Resource | None:
        """The resource with this URN, such as another one's parent."""
        return next((one for one in self.resources if one.urn == urn), None)

    def named(self, name: str, kind: str | None = None) -> Resource:
        """The one resource with this logical name.

        Raises:
            KeyError: There is none, or more than one.
        """
        found = [one for one in self.resources if one.name == name and kind in (None, one.kind)]
        if len(found) != 1:
            raise KeyError(f"{len(found)} resources are named {name!r} (kind {kind})")
        return found[0]


def in_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Sorted by URN, so that two recordings of one program are equal."""
    return tuple(sorted(resources, key=lambda one: one.urn))
