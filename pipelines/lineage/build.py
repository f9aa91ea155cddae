"""The graph that follows from records: nothing is looked up here, and what the records lack is a missing node."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from components import contract
from components.labels.source import LabelledVersion, is_labelled
from components.recording import COMMIT, DATA_VERSION, LEARN_FROM, MODEL_SHA256, STACK, VERDICT, VERDICT_REASON
from components.served.source import ServedTrips, is_served
from components.trips.source_error import SourceError
from pipelines.lineage.graph import Edge, Graph, Kind, Node, assemble
from pipelines.lineage.records import BundleRecord, PredictionsRecord, Records, RunRecord, VariantRecord, VersionRecord

DIRTY = "-dirty"
_SHORT = 12
# Tags of a run that name one thing each: the tag, the kind of thing, and what the run has to do with it.
_LINKS = (
    (COMMIT, Kind.COMMIT, "at"),
    (STACK, Kind.STACK, "ran on"),
    (DATA_VERSION, Kind.DATA, "learned from"),
    ("keelson.lock_sha256", Kind.LOCK, "with the packages of"),
    ("keelson.image", Kind.IMAGE, "ran in"),
    ("keelson.feature_service", Kind.FEATURE_SERVICE, "with the features of"),
)
_FEATURE_TABLES = {"zone_features": "zone_features_version", "pair_features": "pair_features_version"}
_STEP = "keelson.step."
_UNTITLED = {
    Kind.COMMIT: "commit",
    Kind.STACK: "stack",
    Kind.DATA: "data version",
    Kind.LOCK: "uv.lock",
    Kind.IMAGE: "image",
    Kind.FEATURE_SERVICE: "feature service",
}


@dataclass
class _Draft:
    """Nodes and edges on their way to a graph."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def link(self, made: Node, name: str, origin: Node) -> None:
        """Add a node that another one was made from."""
        self.nodes.append(origin)
        self.edges.append(Edge(made.id, origin.id, name))


def build(records: Records) -> Graph:
    """The graph of everything in the records, equal for equal records in whatever order."""
    draft = _Draft()
    runs = {run.run_id: run for run in records.runs}
    versions = {str(version.version): version for version in records.versions}
    bundles = {bundle.tag: bundle for bundle in records.bundles}
    _add_service(draft, records, bundles)
    for bundle in records.bundles:
        _add_bundle(draft, records, bundle, versions)
    for version in records.versions:
        _add_version(draft, records, version, runs)
    for scored in records.predictions:
        _add_predictions(draft, records, scored, versions)
    for run in records.runs:
        draft.nodes.append(_run_node(run))
        _add_run_origins(draft, records, _run_node(run), run.tags)
        _add_features(draft, records, run)
        _add_source(draft, records, run)
    return assemble(draft.nodes, draft.edges)


def _add_service(draft: _Draft, records: Records, bundles: Mapping[str, BundleRecord]) -> None:
    said = records.service
    service = Node(kind=Kind.SERVICE, name=said.url, title=f"service at {said.url}", missing=said.silence)
    draft.nodes.append(service)
    if said.silence:
        return
    if said.bundle in bundles:
        draft.link(service, "serves", _bundle_node(bundles[said.bundle]))
        return
    title = f"bundle {contract.BUNDLE_NAME}:{said.bundle}"
    bundle = Node(kind=Kind.BUNDLE, name=said.bundle, title=title, missing="not in the bundle store of this machine")
    draft.link(service, "serves", bundle)
    known = {str(version.version): version for version in records.versions}
    draft.link(bundle, "holds", _version_node(known.get(said.model_version), said.model_version))


def _add_bundle(draft: _Draft, records: Records, bundle: BundleRecord, versions: Mapping[str, VersionRecord]) -> None:
    node = _bundle_node(bundle)
    draft.nodes.append(node)
    if bundle.fault:
        return
    draft.link(node, "at", _commit_node(records, bundle.commit))
    draft.link(node, "with the packages of", _plain_node(Kind.LOCK, bundle.lock_hash))
    for variant in bundle.variants:
        version = versions.get(variant.model_version)
        model = _version_node(version, variant.model_version)
        draft.link(node, "holds", model)
        if version is None:
            _add_lost_version(draft, records, model, variant)


def _add_lost_version(draft: _Draft, records: Records, model: Node, variant: VariantRecord) -> None:
    """All that is left of the origin of a model that the registry has lost is what the bundle's manifest says."""
    run = next((run for run in records.runs if run.run_id == variant.run_id), None)
    trained_by = _run_node(run) if run else _lost_run(variant.run_id, model)
    draft.link(model, "trained by", trained_by)
    if run is None:
        _add_run_origins(draft, records, trained_by, {DATA_VERSION: variant.data_version})


def _add_version(draft: _Draft, records: Records, version: VersionRecord, runs: Mapping[str, RunRecord]) -> None:
    node = _version_node(version, str(version.version))
    run = runs.get(version.run_id)
    lost = _lost_run(version.run_id, node)
    draft.nodes.append(node)
    draft.link(node, "trained by", _run_node(run) if run else lost)
    if run is None:
        # The version's tags repeat what matters most of its run.
        _add_run_origins(draft, records, lost, version.tags)


def _add_predictions(
    draft: _Draft, records: Records, scored: PredictionsRecord, versions: Mapping[str, VersionRecord]
) -> None:
    model, data = str(scored.model_version), str(scored.data_version)
    title = f"predictions for data version {data} by model {model}"
    node = Node(kind=Kind.PREDICTIONS, name=f"{data}-{model}", title=title, facts={"rows": scored.rows})
    draft.nodes.append(node)
    draft.link(node, "made by", _version_node(versions.get(model), model))
    draft.link(node, "for the trips of", _data_node(records, data))


def _add_run_origins(draft: _Draft, records: Records, run: Node, tags: Mapping[str, str]) -> None:
    """What a run's tags name; what they do not name is missing."""
    for tag, kind, name in _LINKS:
        value = tags.get(tag, "")
        if kind == Kind.IMAGE and tag in tags and not value:
            # On one machine steps are processes, without an image.
            continue
        missing = "" if value else "recorded as none" if tag in tags else "not recorded"
        if missing:
            nothing = Node(kind=kind, name=f"of {run.id}", title=_UNTITLED[kind], missing=missing)
            draft.link(run, name, nothing)
        elif kind == Kind.COMMIT:
            dirty = value.endswith(DIRTY)
            commit = _commit_node(records, value.removesuffix(DIRTY))
            draft.link(run, "with changed files after" if dirty else name, commit)
        elif kind == Kind.DATA:
            draft.link(run, name, _data_node(records, value))
        else:
            draft.link(run, name, _plain_node(kind, value))
    if "keelson.pipeline" in tags:
        title = f"{tags['keelson.pipeline']} {tags.get('keelson.pipeline_version', '')}".strip()
        pipeline = Node(kind=Kind.PIPELINE, name=title.replace(" ", "@"), title=f"pipeline {title}")
        draft.link(run, "is a run of", pipeline)
    if versions := _parsed(tags.get("keelson.component_versions", "")):
        name = hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:_SHORT]
        title = f"components {name}"
        draft.link(run, "by", Node(kind=Kind.COMPONENTS, name=name, title=title, facts=versions))


def _add_features(draft: _Draft, records: Records, run: RunRecord) -> None:
    told = _step(run.tags, "build_features").get("parameters", {})
    for table, parameter in _FEATURE_TABLES.items():
        if told.get(parameter) is None:
            continue
        version = str(told[parameter])
        features = Node(
            kind=Kind.FEATURES, name=f"{table}@{version}", title=f"feature table {table}, version {version}"
        )
        draft.link(_run_node(run), "joined", features)
        if data := run.tags.get(DATA_VERSION):
            draft.link(features, "computed from", _data_node(records, data))


def _add_source(draft: _Draft, records: Records, run: RunRecord) -> None:
    given, data = run.parameters, run.tags.get(DATA_VERSION)
    if not data or "source" not in given:
        return
    print_of_source = given.get("fingerprint", "")
    facts = {name: given[name] for name in ("source", "rows", "seed", "fingerprint") if name in given}
    # Only generated trips depend on the rows and the seed that were asked for.
    asked = ", ".join(f"{name} {given[name]}" for name in ("rows", "seed") if name in given)
    title = f"{given['source']} ({asked})" if given["source"].startswith("synthetic") and asked else given["source"]
    name = print_of_source[:_SHORT] or f"of run:{run.run_id}"
    missing = "" if print_of_source else "its fingerprint was not recorded"
    source = Node(kind=Kind.SOURCE, name=name, title=f"source {title}", facts=facts, missing=missing)
    draft.link(_data_node(records, data), "ingested from", source)
    # A person may have started the run by another way, with a name that names nothing.
    with suppress(SourceError):
        if is_labelled(given["source"]):
            corrected = LabelledVersion.parse(given["source"])
            draft.link(source, "corrects by labels", _data_node(records, str(corrected.trips)))
        elif is_served(given["source"]) and (base := ServedTrips.parse(given["source"]).base) is not None:
            draft.link(source, "adds served trips to", _data_node(records, str(base)))


def _bundle_node(bundle: BundleRecord) -> Node:
    title = f"bundle {contract.BUNDLE_NAME}:{bundle.tag}"
    return Node(kind=Kind.BUNDLE, name=bundle.tag, title=title, missing=bundle.fault)


def _version_node(version: VersionRecord | None, name: str) -> Node:
    if version is None:
        missing = "not in the registry"
        return Node(kind=Kind.MODEL, name=name, title=f"model {contract.MODEL_NAME} {name}", missing=missing)
    facts = {"aliases": list(version.aliases), **_shared_facts(version.tags)}
    named = f" ({', '.join(version.aliases)})" if version.aliases else ""
    title = f"model {contract.MODEL_NAME} {version.version}{named}"
    return Node(kind=Kind.MODEL, name=name, title=title, facts={**facts, "tags": dict(version.tags)})


def _run_node(run: RunRecord) -> Node:
    facts = {
        "status": run.status,
        "started": run.started,
        **_shared_facts(run.tags),
        "parameters": dict(run.parameters),
        "metrics": dict(run.metrics),
        "steps": {tag.removeprefix(_STEP): _parsed(run.tags[tag]) for tag in sorted(run.tags) if tag.startswith(_STEP)},
        "started_by": run.tags.get("keelson.started_by", ""),
        "needed_because": run.tags.get("keelson.needed_because", ""),
    }
    missing = "deleted in MLflow, which still has its record" if run.deleted else ""
    return Node(kind=Kind.RUN, name=run.run_id, title=f"run {run.run_id}", facts=facts, missing=missing)


def _shared_facts(tags: Mapping[str, str]) -> dict[str, Any]:
    """What both a run and its model version say."""
    named = {
        "verdict": VERDICT,
        "reason": VERDICT_REASON,
        "model_sha256": MODEL_SHA256,
        "learned_from_trips_since": LEARN_FROM,
    }
    return {name: tags[tag] for name, tag in named.items() if tags.get(tag)}


def _lost_run(run_id: str, made: Node) -> Node:
    """The run of a model version that MLflow does not have."""
    if not run_id:
        return Node(kind=Kind.RUN, name=f"of {made.id}", title="run", missing="not recorded")
    return Node(kind=Kind.RUN, name=run_id, title=f"run {run_id}", missing="MLflow has no such run")


def _commit_node(records: Records, sha: str) -> Node:
    commit = records.commits.get(sha)
    if commit is None:
        missing = "not in this clone"
        return Node(kind=Kind.COMMIT, name=sha, title=f"commit {sha[:_SHORT]}", missing=missing)
    facts = {"subject": commit.subject, "time": commit.time}
    return Node(kind=Kind.COMMIT, name=sha, title=f"commit {sha[:_SHORT]}", facts=facts)


def _data_node(records: Records, version: str) -> Node:
    found = records.data.get(int(version)) if version.isdecimal() else None
    facts = {"rows": found.rows} if found and not found.fault else {}
    missing = found.fault if found else ""
    return Node(kind=Kind.DATA, name=version, title=f"data version {version}", facts=facts, missing=missing)


def _plain_node(kind: Kind, name: str) -> Node:
    shown = name[:_SHORT] if kind == Kind.LOCK else name
    return Node(kind=kind, name=name, title=f"{_UNTITLED[kind]} {shown}")


def _step(tags: Mapping[str, str], name: str) -> dict[str, Any]:
    return _parsed(tags.get(f"{_STEP}{name}", ""))


def _parsed(text: str) -> dict[str, Any]:
    """A JSON object, or nothing where the text is none: a person may have written the tag."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
