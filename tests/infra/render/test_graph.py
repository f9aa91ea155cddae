"""The picture shows every resource once, in its component, with arrows for what needs what."""

from itertools import combinations, pairwise
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.render.drawing import COLOURS
from infra.render.graph import svg
from infra.render.recording import Recording, Resource, in_order
from infra.render.tree import LAYERS

SVG = "{http://www.w3.org/2000/svg}"


def a_component(name: str, parent: str = "", *needs: str) -> Resource:
    depends_on = tuple(f"urn::{one}" for one in needs)
    token = "keelson:aws:Part"
    return Resource(urn=f"urn::{name}", type=token, name=name, parent=parent, depends_on=depends_on, component=True)


def a_resource(name: str, parent: str = "", *needs: str, token: str = "aws:s3/bucket:Bucket") -> Resource:
    depends_on = tuple(f"urn::{one}" for one in needs)
    return Resource(urn=f"urn::{name}", type=token, name=name, parent=parent, depends_on=depends_on)


def a_recording(*resources: Resource) -> Recording:
    return Recording(stack="dev", resources=in_order(resources), outputs={})


def a_chain(*names: str) -> list[Resource]:
    """A component with one resource for each name; each resource needs the one before."""
    made = [a_component(name) for name in names] + [a_resource(f"in-{names[0]}", f"urn::{names[0]}")]
    return made + [a_resource(f"in-{b}", f"urn::{b}", f"in-{a}") for a, b in pairwise(names)]


def texts(picture: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def arrows(picture: str) -> list[str]:
    """Titles of all arrows: ``network → cluster``."""
    groups = [one for one in ElementTree.fromstring(picture).iter(f"{SVG}g") if one.find(f"{SVG}path") is not None]
    return [(one.findtext(f"{SVG}title") or "").splitlines()[0] for one in groups]


def test_every_resource_is_a_row_of_the_picture() -> None:
    picture = svg(a_recording(a_component("storage"), a_resource("data", "urn::storage"), a_resource("loose")))
    assert [text for text in texts(picture) if text.startswith("Bucket")] == ["Bucket loose", "Bucket data"]


def test_a_small_component_is_one_box_that_names_the_components_inside() -> None:
    outer, inner = a_component("cloud"), a_component("storage", "urn::cloud")
    picture = svg(a_recording(outer, inner, a_resource("data", "urn::storage")))
    assert texts(picture)[-3:] == ["cloud", "storage", "Bucket data"]


def test_a_large_component_is_a_frame_around_the_boxes_of_its_components() -> None:
    parts = [a_component(name, "urn::cloud") for name in ("keys", "storage")]
    buckets = [a_resource(f"bucket-{i}", "urn::storage") for i in range(40)]
    picture = svg(a_recording(a_component("cloud"), *parts, *buckets, a_resource("key", "urn::keys")))
    assert [text for text in texts(picture) if "cloud" in text] == ["cloud", "cloud/keys", "cloud/storage"]


def test_an_arrow_leads_from_what_is_needed_to_what_needs_it() -> None:
    assert arrows(svg(a_recording(*a_chain("network", "cluster")))) == ["network → cluster"]


def test_an_arrow_that_others_imply_is_left_out() -> None:
    short_cut = a_resource("also", "urn::apps", "in-network")
    picture = svg(a_recording(*a_chain("network", "cluster", "apps"), short_cut))
    assert sorted(arrows(picture)) == ["cluster → apps", "network → cluster"]


def test_components_that_need_each_other_have_an_arrow_each_way() -> None:
    back = a_resource("back", "urn::cluster", "in-nodes")
    assert sorted(arrows(svg(a_recording(*a_chain("cluster", "nodes"), back)))) == [
        "cluster → nodes",
        "nodes → cluster",
    ]


def test_what_a_component_waits_for_all_in_it_wait_for() -> None:
    waiting = a_component("apps", "", "in-cluster")
    inner = a_component("mlflow", "urn::apps")
    recorded = a_recording(*a_chain("network", "cluster"), waiting, inner, a_resource("server", "urn::mlflow"))
    assert sorted(arrows(svg(recorded))) == ["cluster → apps", "network → cluster"]


def test_nothing_is_implied_by_the_lesser_need_of_two_components() -> None:
    # The add-on needs nodes, but nodes need the cluster: what the network gives the cluster must stay visible.
    nodes = [a_resource(f"node-{i}", "urn::nodes", "in-cluster", "in-network") for i in range(3)]
    recorded = a_recording(
        *a_chain("network", "cluster", "nodes"), *nodes, a_resource("addon", "urn::cluster", "node-0")
    )
    assert "network → cluster" in arrows(svg(recorded))


def test_objects_of_the_cluster_need_what_their_provider_needs() -> None:
    recorded = a_recording(
        *(a_component(name) for name in ("cloud", "apps")),
        a_resource("kubernetes", "urn::cloud", token="pulumi:providers:kubernetes"),
        a_resource("mlflow", "urn::apps", token="kubernetes:apps/v1:Deployment"),
    )
    assert arrows(svg(recorded)) == ["cloud → apps"]


def test_hovering_a_row_tells_all_that_it_needs_and_how_it_is_kept() -> None:
    kept = Resource(
        urn="urn::aws:s3/bucketPolicy:BucketPolicy::p",
        type="aws:s3/bucketPolicy:BucketPolicy",
        name="p",
        depends_on=("urn::aws:s3/bucket:Bucket::data",),
        protect=True,
    )
    titles = [one.text for one in ElementTree.fromstring(svg(a_recording(kept))).iter(f"{SVG}title")]
    assert "aws:s3/bucketPolicy:BucketPolicy p\nprotected\nneeds Bucket data" in titles


def test_signs_of_xml_in_a_name_are_escaped() -> None:
    assert 'Bucket a<b>&"c' in texts(svg(a_recording(a_resource('a<b>&"c'))))


def test_each_layer_has_a_colour_of_its_own() -> None:
    assert len({COLOURS[name] for name in LAYERS}) == len(LAYERS)


@settings(deadline=None, max_examples=25)
@given(parts=st.lists(st.tuples(st.integers(0, 40), st.sets(st.integers(0, 9), max_size=4)), min_size=1, max_size=10))
def test_no_box_covers_another(parts: list[tuple[int, set[int]]]) -> None:
    recorded: list[Resource] = []
    for i, (count, needs) in enumerate(parts):
        needed = [f"r{other}-0" for other in needs if other < len(parts)]
        recorded.append(a_component(f"c{i}", f"urn::c{i // 3}" if i else ""))
        recorded += [a_resource(f"r{i}-{j}", f"urn::c{i}", *needed) for j in range(count)]
    (body,) = ElementTree.fromstring(svg(a_recording(*recorded))).findall(f"{SVG}g")
    groups = [one.findall(f"{SVG}rect") for one in body.findall(f"{SVG}g")]
    boxes = [tuple(float(one[0].get(key, 0)) for key in ("x", "y", "width", "height")) for one in groups if one]
    for (x1, y1, width1, height1), (x2, y2, width2, height2) in combinations(boxes, 2):
        beside = x1 + width1 <= x2 + 1 or x2 + width2 <= x1 + 1
        assert beside or y1 + height1 <= y2 + 1 or y2 + height2 <= y1 + 1
