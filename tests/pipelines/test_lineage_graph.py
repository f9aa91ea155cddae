"""The rules of a lineage graph, for any graph; and what a question may look like."""

import json
import random
from io import StringIO
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.recording import DATA_VERSION
from pipelines.lineage import drawing, render
from pipelines.lineage.build import build
from pipelines.lineage.graph import Edge, Graph, Kind, Node, assemble, chain, order
from pipelines.lineage.records import Records, RunRecord, ServiceRecord
from pipelines.lineage.subject import Subject, SubjectError, parse


def a_node(kind: Kind, name: str, missing: str = "") -> Node:
    return Node(kind=kind, name=name, title=f"{kind} {name} {'of a long name ' * 10}".strip(), missing=missing)


@st.composite
def parts(draw: st.DrawFn) -> tuple[list[Node], list[Edge]]:
    """Nodes, and edges that lead from one to a later one, as nothing is made from itself."""
    names = st.sampled_from(["1", "2", "10", "a", "b<&>\\l"])
    nodes = draw(st.lists(st.builds(a_node, st.sampled_from(Kind), names, st.sampled_from(["", "gone"])), min_size=1))
    distinct = list({node.id: node for node in nodes}.values())
    places = st.integers(0, len(distinct) - 1)
    pairs = draw(st.lists(st.tuples(places, places).filter(lambda pair: pair[0] < pair[1])))
    return nodes, [Edge(distinct[one].id, distinct[other].id, "from") for one, other in pairs]


graphs = parts().map(lambda made: assemble(*made))


@given(parts(), st.randoms(use_true_random=False))
def test_no_node_or_edge_is_lost_and_the_order_of_what_was_found_does_not_matter(
    made: tuple[list[Node], list[Edge]], shuffler: random.Random
) -> None:
    nodes, edges = made
    graph = assemble(nodes, edges)
    assert {node.id for node in graph.nodes} == {node.id for node in nodes}
    assert set(graph.edges) == set(edges)
    shuffler.shuffle(nodes)
    shuffler.shuffle(edges)
    assert assemble(nodes, edges) == graph


@given(graphs)
def test_nodes_stand_in_the_order_of_kinds_and_numbers(graph: Graph) -> None:
    assert list(graph.nodes) == sorted(graph.nodes, key=order)
    ranks = [list(Kind).index(node.kind) for node in graph.nodes]
    assert ranks == sorted(ranks)


@given(graphs, st.data())
def test_whatever_is_in_the_chain_of_one_has_that_one_in_its_own(graph: Graph, data: st.DataObject) -> None:
    subject = data.draw(st.sampled_from(graph.nodes)).id
    for node in chain(graph, subject).nodes:
        assert subject in {other.id for other in chain(graph, node.id).nodes}


@given(graphs, st.data())
def test_a_chain_has_every_path_to_and_from_its_subject_and_nothing_else(graph: Graph, data: st.DataObject) -> None:
    subject = data.draw(st.sampled_from(graph.nodes)).id
    part = chain(graph, subject)
    above, below = {subject}, {subject}
    for _ in graph.nodes:
        above |= {edge.origin for edge in graph.edges if edge.made in above}
        below |= {edge.made for edge in graph.edges if edge.origin in below}
    assert {node.id for node in part.nodes} == above | below
    assert set(part.edges) == {e for e in graph.edges if {e.made, e.origin} <= above or {e.made, e.origin} <= below}


@given(graphs, st.data())
def test_tree_json_and_drawing_tell_of_every_node_of_a_chain(graph: Graph, data: st.DataObject) -> None:
    subject = data.draw(st.sampled_from(graph.nodes)).id
    part = chain(graph, subject)
    out = StringIO()
    render.print_tree(part, subject, out)
    told = json.loads(render.as_json(part, subject))
    assert [node["id"] for node in told["nodes"]] == [node.id for node in part.nodes]
    assert len(told["edges"]) == len(part.edges)
    for node in part.nodes:
        assert node.title in out.getvalue()
    assert out.getvalue().count("MISSING") >= sum(bool(node.missing) for node in part.nodes)


@given(graphs, st.data())
def test_the_tree_tells_each_thing_in_full_once(graph: Graph, data: st.DataObject) -> None:
    subject = data.draw(st.sampled_from(graph.nodes)).id
    out = StringIO()
    render.print_tree(chain(graph, subject), subject, out)
    told = [line for line in out.getvalue().splitlines() if "(see above)" not in line]
    for node in chain(graph, subject).nodes:
        assert sum(node.title in line for line in told) == 1


def test_the_drawing_is_a_whole_document_with_every_title_as_it_is() -> None:
    nodes = [a_node(Kind.RUN, "a<&>\\lb\\N"), a_node(Kind.COMMIT, "c", missing="not in this clone")]
    document = drawing.svg(assemble(nodes, [Edge(nodes[0].id, nodes[1].id, 'of "the" code')]), nodes[0].id)
    texts = "".join(ElementTree.fromstring(document.encode()).itertext())
    for part in ("run a<&>\\lb\\N of", "commit c of", "not in this clone", 'of "the" code'):
        assert part in texts


def test_of_two_nodes_with_one_id_the_present_one_is_kept_with_the_facts_of_both() -> None:
    gone = Node(kind=Kind.RUN, name="1", title="run 1", facts={"from": "tag", "status": "?"}, missing="gone")
    there = Node(kind=Kind.RUN, name="1", title="run 1", facts={"status": "FINISHED"})
    for given_order in ([gone, there], [there, gone]):
        (node,) = assemble(given_order, []).nodes
        assert (node.missing, node.facts) == ("", {"from": "tag", "status": "FINISHED"})


def test_an_edge_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="model:9, which is no node"):
        assemble([a_node(Kind.BUNDLE, "x")], [Edge("bundle:x", "model:9", "holds")])


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("model:champion", Subject("model", "champion")),
        ("model:12", Subject("model", "12")),
        ("bundle:trip_duration:1f0c9a7be2d4655a", Subject("bundle", "1f0c9a7be2d4655a")),
        ("bundle:live", Subject("bundle", "live")),
        ("run:latest", Subject("run", "latest")),
        ("commit:9448d2d", Subject("commit", "9448d2d")),
    ],
)
def test_the_documented_forms_are_understood(text: str, subject: Subject) -> None:
    assert parse(text) == subject


@pytest.mark.parametrize(
    "text",
    ["", "model", "model:", "model:newest", "model:1.5", "data:x", "commit:xyz1", "run:a'b", "bundle:../x", "x:1"],
)
def test_any_other_form_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(SubjectError, match=r"was given; give bundle:<tag>, .*commit:<sha>"):
        parse(text)


@pytest.mark.parametrize(
    ("source", "origins", "name"),
    [
        ("labelled:0:2", {"data:0"}, "corrects by labels"),
        ("labelled:of-nothing", set(), ""),
        ("served:2026-01-05..2026-01-06+0@1.2", {"data:0"}, "adds served trips to"),
        ("served:2026-01-05..2026-01-06@1.2", set(), ""),
    ],
)
def test_trips_made_from_a_version_lead_back_to_it(source: str, origins: set[str], name: str) -> None:
    run = RunRecord(
        run_id="r1",
        status="FINISHED",
        started="2026-01-05T00:00:00+00:00",
        deleted=False,
        parameters={"source": source, "fingerprint": "f" * 64},
        metrics={},
        tags={DATA_VERSION: "1"},
    )
    graph = build(Records(service=ServiceRecord(url="http://127.0.0.1:9", silence="nobody asks"), runs=(run,)))
    assert Edge("data:1", "source:ffffffffffff", "ingested from") in graph.edges
    found = [edge for edge in graph.edges if edge.made == "source:ffffffffffff"]
    assert {edge.origin for edge in found} == origins
    assert {edge.name for edge in found} == ({name} if name else set())
