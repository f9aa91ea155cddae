"""Look up what a question needs: in MLflow, the bundle store, the service, the trips table and the clone."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from components.platform import Platform
from components.recording import COMMIT, DATA_VERSION
from pipelines.lineage import bundles, commits, versions
from pipelines.lineage.build import DIRTY, build
from pipelines.lineage.bundles import BundleStore
from pipelines.lineage.graph import Kind, chain
from pipelines.lineage.records import BundleRecord, Records, RunRecord, ServiceRecord, VersionRecord
from pipelines.lineage.registry import Registry
from pipelines.lineage.subject import LATEST, LIVE, Subject, SubjectError


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where to look.

    Attributes:
        platform: Its MLflow, object store and service.
        store: The bundle store.
        clone: A folder of the clone that the code is in.
    """

    platform: Platform
    store: BundleStore
    clone: Path


def collect(sources: Sources, subject: Subject) -> tuple[Records, str]:
    """What the chain of a subject is made of, and the id of the subject's node.

    Raises:
        SubjectError: There is no such thing; the message names what there is.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with ThreadPoolExecutor() as pool, Registry(sources.platform.mlflow_tracking_uri) as registry:
        service = pool.submit(bundles.deployed, sources.platform.serving_url)
        scored = pool.submit(versions.scored, sources.platform)
        search = _Search(sources, registry, registry.versions(), bundles.stored(sources.store), service.result())
        node, runs = _FINDERS[subject.kind](search, subject.name)
    records = Records(
        service=search.service,
        bundles=search.bundles,
        versions=search.versions,
        predictions=scored.result(),
        runs=tuple({run.run_id: run for run in runs}.values()),
    )
    return _with_details(sources, records, node), node


def _with_details(sources: Sources, records: Records, subject: str) -> Records:
    """Records with what is known about the commits and data versions of a chain, and of no others."""
    nodes = chain(build(records), subject).nodes
    shas = [node.name for node in nodes if node.kind == Kind.COMMIT]
    data = [int(node.name) for node in nodes if node.kind == Kind.DATA and node.name.isdecimal()]
    return replace(
        records,
        commits=commits.known(shas, sources.clone),
        data={version: versions.data_version(sources.platform, version) for version in data},
    )


@dataclass(frozen=True)
class _Search:
    """All that a subject can be looked up in."""

    sources: Sources
    registry: Registry
    versions: tuple[VersionRecord, ...]
    bundles: tuple[BundleRecord, ...]
    service: ServiceRecord

    def run(self, run_id: str) -> list[RunRecord]:
        found = self.registry.run(run_id) if run_id else None
        return [found] if found else []


_Found = tuple[str, list[RunRecord]]


def _find_bundle(search: _Search, name: str) -> _Found:
    tags = {bundle.tag: bundle for bundle in search.bundles}
    if name == LIVE and search.service.silence:
        raise SubjectError(
            f"what is live cannot be told: {search.service.url}: {search.service.silence}; "
            f"{_there_are('bundles in the store', tags)}"
        )
    tag = search.service.bundle if name == LIVE else name
    if tag not in tags and tag != search.service.bundle:
        raise SubjectError(f"there is no bundle {tag}; {_there_are('bundles', tags)}")
    # Where the registry has lost a version, the bundle's manifest still knows its run.
    wanted = {variant.model_version: variant.run_id for variant in tags[tag].variants} if tag in tags else {}
    wanted = wanted or {search.service.model_version: ""}
    ids = wanted | {str(one.version): one.run_id for one in search.versions if str(one.version) in wanted}
    return f"{Kind.BUNDLE}:{tag}", [run for run_id in ids.values() for run in search.run(run_id)]


def _find_model(search: _Search, name: str) -> _Found:
    for version in search.versions:
        if name in (str(version.version), *version.aliases):
            return f"{Kind.MODEL}:{version.version}", search.run(version.run_id)
    known = [f"{one.version}{''.join(f' ({alias})' for alias in one.aliases)}" for one in search.versions]
    raise SubjectError(f"the registry has no model {name}; {_there_are('versions', known)}")


def _find_data(search: _Search, name: str) -> _Found:
    version, platform = int(name), search.sources.platform
    newest = versions.newest_data_version(platform)
    runs = search.registry.runs_tagged(DATA_VERSION, str(version), whole=True)
    if not runs and (newest is None or version > newest):
        known = range(newest + 1) if newest is not None else []
        raise SubjectError(f"there is no data version {version}; {_there_are('versions', map(str, known))}")
    return f"{Kind.DATA}:{version}", list(runs)


def _find_run(search: _Search, name: str) -> _Found:
    newest = search.registry.newest_run()
    run = newest if name == LATEST else search.registry.run(name)
    if run is None:
        latest = f"the newest is {newest.run_id}" if newest else "there are none; `make train` makes one"
        raise SubjectError(f"MLflow has no run {name}; {latest}")
    return f"{Kind.RUN}:{run.run_id}", [run]


def _find_commit(search: _Search, name: str) -> _Found:
    known = commits.resolve(name, search.sources.clone)
    runs = search.registry.runs_tagged(COMMIT, known.sha if known else name, whole=False)
    built = [bundle.commit for bundle in search.bundles if bundle.commit.startswith(name)]
    shas = {run.tags[COMMIT].removesuffix(DIRTY) for run in runs} | set(built) | ({known.sha} if known else set())
    if len(shas) != 1:
        wanted = "more of its digits" if shas else "one that the clone has, or that a run or a bundle was made at"
        raise SubjectError(f"commit {name} names {len(shas)} commits; give {wanted}")
    return f"{Kind.COMMIT}:{shas.pop()}", list(runs)


_FINDERS: dict[str, Callable[[_Search, str], _Found]] = {
    Kind.BUNDLE: _find_bundle,
    Kind.MODEL: _find_model,
    Kind.DATA: _find_data,
    Kind.RUN: _find_run,
    Kind.COMMIT: _find_commit,
}


def _there_are(what: str, names: Iterable[str]) -> str:
    """A list of what there is, of at most ten names."""
    known = list(names)
    return f"{what}: {', '.join(known[-10:])}" if known else f"there are no {what}"
