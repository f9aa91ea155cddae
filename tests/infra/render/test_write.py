"""A render is complete, equal each time, and put in place whole or not at all; nothing else is ever overwritten."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from infra.apps.images import normalised
from infra.render.manifests import RenderError
from infra.render.recording import Recording, Resource, in_order
from infra.render.write import MARKER, files, write
from infra.versions import versions

ROOT = Path(__file__).resolve().parents[3]


def a_bucket(name: str = "data-bucket", **more: object) -> Resource:
    given = {"urn": f"urn::{name}", "type": "aws:s3/bucket:Bucket", "name": name, **more}
    return Resource(**given)


def a_recording(*resources: Resource, **outputs: object) -> Recording:
    return Recording(stack="dev", resources=in_order(resources), outputs=outputs)


def content(folder: Path) -> dict[str, str]:
    return {one.relative_to(folder).as_posix(): one.read_text() for one in folder.rglob("*") if one.is_file()}


def test_an_aws_resource_is_a_file_by_service_kind_and_name() -> None:
    first, second = a_bucket("logs"), a_bucket(depends_on=("urn::logs",), protect=True, inputs={"days": 30.0})
    assert json.loads(files(a_recording(first, second))["aws/s3/Bucket-data-bucket.json"]) == {
        "component": "",
        "depends_on": ["logs"],
        "ignore_changes": [],
        "inputs": {"days": 30},
        "name": "data-bucket",
        "protect": True,
        "retain_on_delete": False,
        "type": "aws:s3/bucket:Bucket",
    }


def test_a_policy_in_a_text_is_shown_as_json() -> None:
    recorded = a_recording(a_bucket(inputs={"policy": '{"Statement":[{"Sid":"DenyPlainTransport"}]}'}))
    inputs = json.loads(files(recorded)["aws/s3/Bucket-data-bucket.json"])["inputs"]
    assert inputs == {"policy": {"Statement": [{"Sid": "DenyPlainTransport"}]}}


def test_a_script_is_shown_line_by_line() -> None:
    recorded = a_recording(a_bucket(inputs={"userData": "#!/bin/sh\nset -e\n"}))
    assert json.loads(files(recorded)["aws/s3/Bucket-data-bucket.json"])["inputs"] == {
        "userData": ["#!/bin/sh", "set -e"]
    }


def test_two_resources_of_one_kind_and_name_are_refused() -> None:
    with pytest.raises(RenderError, match=r"are both aws/s3/Bucket-data-bucket\.json"):
        files(a_recording(a_bucket(), a_bucket(urn="urn::other")))


def test_the_index_lists_values_known_only_after_deployment() -> None:
    inputs = {"key": "<keys.arn>", "html": "<b>bold</b>", "who": "arn:aws:iam::<account>:root"}
    index = files(a_recording(a_bucket(inputs=inputs), a_bucket("keys")))["README.md"]
    assert index.endswith(
        "| value | resources that use it |\n| --- | --- |\n| `<account>` | 1 |\n| `<keys.arn>` | 1 |\n"
    )


def test_the_index_counts_resources_by_layer() -> None:
    key = Resource(urn="urn::key", type="aws:kms/key:Key", name="key")
    index = files(a_recording(a_bucket(), a_bucket("logs"), key))["README.md"]
    assert "| identity | 1 | Key 1 |\n| storage | 2 | Bucket 2 |\n| all | 3 |  |\n" in index


def test_the_index_shows_the_outputs() -> None:
    assert "| `serving_url` | `https://x.io` |" in files(a_recording(serving_url="https://x.io"))["README.md"]


def test_what_is_written_is_what_was_rendered(tmp_path: Path) -> None:
    write({"aws/s3/a.json": "{}\n", "README.md": "text\n"}, tmp_path / "out")
    found = content(tmp_path / "out")
    del found[MARKER]
    assert found == {"aws/s3/a.json": "{}\n", "README.md": "text\n"}


def test_a_former_render_is_replaced_without_a_rest(tmp_path: Path) -> None:
    write({"old/file": "1"}, tmp_path / "out")
    write({"new/file": "2"}, tmp_path / "out")
    assert sorted(content(tmp_path / "out")) == [MARKER, "new/file"]


def test_a_folder_that_is_no_render_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RenderError, match="exists and is not a former render: give a new folder, or remove it"):
        write({"README.md": ""}, tmp_path)
    assert content(tmp_path) == {"thesis.txt": "mine"}


def test_a_render_with_files_of_others_is_refused_and_left_alone(tmp_path: Path) -> None:
    write({"README.md": "1"}, tmp_path / "out")
    (tmp_path / "out" / ".git").mkdir()
    (tmp_path / "out" / ".git" / "HEAD").write_text("ref")
    with pytest.raises(RenderError, match=r"holds files that no render wrote \(\.git/HEAD\)"):
        write({"README.md": "2"}, tmp_path / "out")
    assert content(tmp_path / "out")["README.md"] == "1"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(RenderError, match="exists and is not a former render"):
        write({"README.md": ""}, tmp_path / "out")


def test_an_empty_folder_is_written_to(tmp_path: Path) -> None:
    write({"README.md": "1"}, tmp_path)
    assert content(tmp_path)["README.md"] == "1"


def test_a_write_that_fails_leaves_the_former_render_and_nothing_beside_it(tmp_path: Path) -> None:
    write({"README.md": "1"}, tmp_path / "out")
    with pytest.raises(OSError, match="exists"):
        write({"README.md": "2", "README.md/below-a-file": ""}, tmp_path / "out")
    assert (content(tmp_path / "out")["README.md"], [one.name for one in tmp_path.iterdir()]) == ("1", ["out"])


def test_an_unknown_stack_is_answered_with_the_known_ones_and_writes_nothing(tmp_path: Path) -> None:
    done = rendering("production", tmp_path / "out", "0")
    assert (done.wait(), (tmp_path / "out").exists()) == (1, False)
    assert done.stderr is not None
    assert (
        done.stderr.read().strip()
        == "make render: stack 'production' is not known; allowed: dev, staging, prod, cluster."
    )


def rendering(stack: str, out: Path, seed: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "infra.render", "--stack", stack, "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, float]:
    """Stack prod rendered by two processes, whose sets have other orders; and the processor's seconds for one.

    Not the clock's: other tests may share the processor.
    """
    folder = tmp_path_factory.mktemp("renders")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    processes = {seed: rendering("prod", folder / seed, seed) for seed in ("1", "2")}
    for process in processes.values():
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return folder / "1", folder / "2", seconds / len(processes)


def test_two_renders_of_a_stack_are_equal_byte_for_byte(prod: tuple[Path, Path, float]) -> None:
    assert content(prod[0]) == content(prod[1])


def test_a_stack_is_rendered_within_fifteen_seconds(prod: tuple[Path, Path, float]) -> None:
    assert prod[2] < 15


def test_no_file_of_a_render_names_a_place_on_the_machine(prod: tuple[Path, Path, float]) -> None:
    assert [path for path, text in content(prod[0]).items() if str(ROOT) in text or str(Path.home()) in text] == []


def test_every_link_of_the_index_leads_to_a_file_of_the_render(prod: tuple[Path, Path, float]) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (prod[0] / "README.md").read_text())
    assert [link for link in links if not (prod[0] / link).exists()] == []


def test_every_resource_of_the_program_has_a_place_in_the_render(prod: tuple[Path, Path, float]) -> None:
    found = content(prod[0])
    shown = [path for path in found if path.startswith(("aws/", "kubernetes/", "providers/"))]
    picture = re.search(r">prod: (\d+) resources<", found["graph.svg"])
    assert picture is not None
    assert len(shown) + len(json.loads(found["charts.json"])) == int(picture[1])


def test_every_image_that_the_versions_file_gives_a_chart_is_listed(prod: tuple[Path, Path, float]) -> None:
    charts = json.loads((prod[0] / "charts.json").read_text())
    wanted = {image for one in charts if one["name"] in versions().charts for image in images_of(one["name"])}
    listed = {line.split("\t")[0] for line in (prod[0] / "images.txt").read_text().splitlines()}
    assert (wanted - listed, bool(wanted)) == (set(), True)


def images_of(chart: str) -> list[str]:
    return [normalised(image) for image in versions().charts[chart].images.values()]
