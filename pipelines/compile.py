"""``python -m pipelines.compile``: publish every component and pipeline whose version is new, as KFP takes it.

With ``--check`` nothing is written: it fails, and says which and why, where something changed without a new version.
With ``--bump`` whatever changed gets the version that its change needs, and is published.
"""

import argparse
import sys
from collections.abc import Iterable

from pipelines.versioning import definitions, tables
from pipelines.versioning.definitions import Definition, DefinitionError
from pipelines.versioning.published import Published
from pipelines.versioning.review import Finding, review
from pipelines.versioning.version import Version


def check(published: Published) -> list[str]:
    """What is wrong with versions, and what is yet to be published; one sentence each."""
    findings = _findings(published, tables.component_versions())
    waiting = [
        f"{one.definition.title} {one.version} is not published: run `python -m pipelines.compile`"
        for one in findings
        if one.can_be_published
    ]
    return [*_faults(findings), *_without_source(), *waiting]


def unpublished(pipeline: str, published: Published) -> list[str]:
    """What of one pipeline, and of the components it is made of, is not as published; one sentence each."""
    findings = _findings(published, tables.component_versions())
    named = {(one.definition.kind, one.definition.name): one for one in findings}
    own = named.get(("pipelines", pipeline))
    if own is None:
        return [one.fault for one in findings if one.version is None]
    parts = [named["components", name] for name in own.definition.sources]
    return [
        one.fault or f"{one.definition.title} {one.version} is not published"
        for one in [*parts, own]
        if not one.is_published
    ]


def publish(published: Published) -> tuple[list[str], list[str]]:
    """Publish what has a new version, unless something is wrong; returns what was published, and what is wrong."""
    findings = _findings(published, tables.component_versions())
    faults = [*_faults(findings), *_without_source()]
    if faults:
        return [], faults
    return _add(published, findings), []


def bump(published: Published) -> list[str]:
    """Give whatever changed the version that it needs, write these into the source tree, and publish.

    Returns:
        What was published.
    """
    known = tables.component_versions()
    made = definitions.components()
    versions = {one.name: _bumped(review(one, known.get(one.name), published)) for one in made}
    if versions != known:
        tables.write_component_versions(versions)
    for finding in _of_pipelines(published, versions):
        version = _bumped(finding)
        if version != finding.version:
            tables.write_pipeline_version(finding.definition.name, version)
    return _add(published, _findings(published, versions))


def _bumped(finding: Finding) -> Version:
    """The version that is said where it will do, else the lowest that will."""
    said = finding.version
    return said if said is not None and (finding.is_published or finding.can_be_published) else finding.needed


def _findings(published: Published, versions: dict[str, Version]) -> list[Finding]:
    """Every component and pipeline against what is published, components first; no pipeline while a component has no
    version."""
    found = [review(one, versions.get(one.name), published) for one in definitions.components()]
    if any(one.version is None for one in found):
        return found
    return [*found, *_of_pipelines(published, versions)]


def _of_pipelines(published: Published, versions: dict[str, Version]) -> list[Finding]:
    said = tables.pipeline_versions()
    made: list[Definition] = definitions.pipelines_of({name: str(version) for name, version in versions.items()})
    return [review(one, said[one.name], published) for one in made]


def _faults(findings: Iterable[Finding]) -> list[str]:
    return [f"{one.fault}: run `python -m pipelines.compile --bump`" for one in findings if one.fault]


def _without_source() -> list[str]:
    there = definitions.component_names()
    return [
        f"component {name} has a version and no component.py: take it out of components/versions.py"
        for name in tables.component_versions()
        if name not in there
    ]


def _add(published: Published, findings: Iterable[Finding]) -> list[str]:
    return [
        str(published.add(one.definition, one.version).relative_to(definitions.ROOT))
        for one in findings
        if one.version is not None and one.can_be_published
    ]


def main() -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.compile", description=__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="write nothing; fail where a version is missing")
    how.add_argument("--bump", action="store_true", help="give what changed a new version")
    given = parser.parse_args()
    published = Published()
    # With what was published in doubt there is nothing to compare with.
    done, faults = [], published.faults()
    try:
        if not faults and given.check:
            faults = check(published)
        elif not faults and given.bump:
            done = bump(published)
        elif not faults:
            done, faults = publish(published)
    except (DefinitionError, ValueError) as error:
        faults = [str(error)]
    for line in done:
        print(line)
    for line in faults:
        sys.stderr.write(f"{line}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
