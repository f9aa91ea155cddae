"""What changed since the last published version, why that needs a new one, and which."""

from dataclasses import dataclass

from pipelines.versioning.definitions import Definition, digest
from pipelines.versioning.interface import differences
from pipelines.versioning.published import Published
from pipelines.versioning.version import FIRST, Change, Version

_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A component or pipeline against what is published of it.

    Attributes:
        definition: As it is now.
        version: What the table of versions says, or None.
        newest: The newest published version, or None.
        change: What has changed since.
        reasons: That in words.
    """

    definition: Definition
    version: Version | None
    newest: Version | None
    change: Change
    reasons: tuple[str, ...]

    @property
    def needed(self) -> Version:
        """The lowest version that this content may have."""
        return FIRST if self.newest is None else self.newest.raised(self.change)

    @property
    def is_published(self) -> bool:
        """Whether this very content is what its version was published with."""
        return self.newest is not None and self.version == self.newest and self.change is Change.NONE

    @property
    def can_be_published(self) -> bool:
        """Whether its version is new, and high enough for what changed."""
        if self.version is None or self.is_published:
            return False
        return self.newest is None or (self.newest < self.version and self.needed <= self.version)

    @property
    def fault(self) -> str:
        """What is wrong with the version, in one sentence, or empty."""
        title, because = self.definition.title, "; ".join(self.reasons)
        if self.version is None:
            return f"{title} has no version"
        if self.is_published or self.can_be_published:
            return ""
        if self.change is Change.NONE:
            return f"{title} says {self.version}, but is what was published as {self.newest}"
        return f"{title} {self.version} changed since {self.newest} was published and needs {self.needed}: {because}"


def review(definition: Definition, version: Version | None, published: Published) -> Finding:
    """Compare a definition with the newest published version of it."""
    versions = published.versions(definition.kind, definition.name)
    newest = versions[-1] if versions else None
    change, reasons = Change.NONE, ()
    if newest is not None:
        change, reasons = _changes(definition, newest, published)
    return Finding(definition=definition, version=version, newest=newest, change=change, reasons=reasons)


def _changes(definition: Definition, newest: Version, published: Published) -> tuple[Change, tuple[str, ...]]:
    record = published.record(definition.kind, definition.name, newest)
    found = differences(published.interface(definition.kind, definition.name, newest), definition.interface)
    reasons = [f"interface: {one.words}" for one in found]
    changed = [
        name
        for name in sorted(record.sources.keys() | definition.sources.keys())
        if record.sources.get(name) != definition.sources.get(name)
    ]
    if changed:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        reasons.append(f"{_kind_of_source(definition)}: {', '.join(changed[:_SHOWN])}{more}")
    elif not found and record.definition != digest(definition.specification):
        reasons.append("definition: the graph, a description, or the compiler")
    least = Change.PATCH if reasons else Change.NONE
    return max([least, *(one.change for one in found)]), tuple(reasons)


def _kind_of_source(definition: Definition) -> str:
    return "source" if definition.kind == "components" else "components"
