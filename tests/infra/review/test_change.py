"""What a change does to a stack is told whole: files, cost, policies; and what others wrote stays text."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.render import cost
from infra.render.engine import record
from infra.render.write import files, write
from infra.review.costs import Amount, CostChange, cost_change, lines
from infra.review.markdown import block, limited
from infra.review.renders import Difference, compare, read
from infra.review.report import section

ROOT = Path(__file__).parents[3]
SAME = CostChange(before=Amount(idle=1, loaded=2), after=Amount(idle=1, loaded=2), moves=())
NOTHING = Difference(added=(), removed=(), changed={})


@pytest.fixture(scope="module")
def dev() -> dict[str, str]:
    return files(record("dev"))


def test_the_lines_of_a_cost_page_come_to_its_sums(dev: dict[str, str]) -> None:
    report = cost.report(record("dev"))
    found = lines(dev["cost.md"]).values()
    # Each line is rounded to a cent.
    assert sum(one.idle for one in found) == pytest.approx(report.idle, abs=0.005 * len(report.lines))
    assert sum(one.loaded for one in found) == pytest.approx(report.loaded, abs=0.005 * len(report.lines))
    assert {resource for resource, _ in lines(dev["cost.md"])} == {one.resource for one in report.lines}


def test_a_dearer_line_is_the_whole_difference(dev: dict[str, str]) -> None:
    dearer = re.sub(r"(\| cluster-control-plane .*?)73\.00 \| 73\.00", r"\g<1>438.00 | 438.00", dev["cost.md"])
    change = cost_change(dev["cost.md"], dearer)
    (move,) = change.moves
    assert (move.resource, move.more) == ("cluster-control-plane", 365.0)
    assert change.after.idle - change.before.idle == pytest.approx(365)
    shown = section("dev", NOTHING, change, [], [])
    assert "(+365.00) USD a month idle" in shown
    assert "| `cluster-control-plane` | `control plane` | 73.00 → 438.00 (+365.00)" in shown


def test_lines_of_the_same_name_are_one() -> None:
    row = "| bucket | storage | 1 | 2 / GB | 2.00 | 3.00 | price_list |  |\n"
    assert lines(row + row) == {("bucket", "storage"): Amount(idle=4, loaded=6)}


def test_a_stack_that_was_not_there_costs_all_of_it(dev: dict[str, str]) -> None:
    change = cost_change("", dev["cost.md"])
    assert change.before == Amount()
    assert change.after.idle > 100
    assert cost_change(dev["cost.md"], dev["cost.md"]).moves == ()


def test_a_render_is_read_back_without_its_drawing(dev: dict[str, str], tmp_path: Path) -> None:
    write(dev, tmp_path / "dev")
    found = read(tmp_path / "dev")
    assert found == {path: text for path, text in dev.items() if not path.endswith(".svg")}
    assert read(tmp_path / "elsewhere") == {}


@given(st.dictionaries(st.sampled_from("abcd"), st.text()), st.dictionaries(st.sampled_from("abcd"), st.text()))
def test_each_file_that_differs_is_named_once_and_no_other(before: dict[str, str], after: dict[str, str]) -> None:
    found = compare(before, after)
    named = [*found.added, *found.removed, *found.changed]
    assert len(named) == len(set(named))
    assert set(named) == {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert found.nothing == (before == after)


@given(st.text(alphabet="`a\n", max_size=40))
def test_no_text_ends_the_block_that_it_stands_in(text: str) -> None:
    first, *_, last = block(text, "diff").splitlines()
    fence = first.removesuffix("diff")
    assert last == fence
    assert len(fence) >= 3
    assert fence not in text


@given(st.text(max_size=300), st.integers(min_value=20, max_value=200))
@example("." * 21, 20)
def test_a_text_that_is_too_long_ends_with_words_that_say_so(text: str, most: int) -> None:
    cut = limited(text, most, "and more")
    assert len(cut) <= most
    assert cut == text if len(text) <= most else cut.endswith("and more")


def test_what_breaks_a_policy_is_listed_and_a_long_list_says_how_long() -> None:
    shown = section(
        "prod", NOTHING, SAME, [f"no-public-bucket: Bucket '{n}'" for n in range(30)], ["budget-warns: Budget"]
    )
    assert "**Policies** broken: 30" in shown
    assert "and 18 more" in shown
    assert "**Policies** only told: 1\n\n- `budget-warns: Budget`" in shown
    assert "**Policies** hold." in section("prod", NOTHING, SAME, [], [])


def test_a_section_stays_short_whatever_the_change() -> None:
    many = tuple(f"aws/s3/Bucket-{n}.json" for n in range(500))
    huge = Difference(added=many, removed=many, changed=dict.fromkeys(many, "+x\n" * 5000))
    shown = section("dev", huge, SAME, ["x" * 200] * 100, [])
    assert len(shown) < 20_000
    assert "500 files new, 500 gone, 500 changed" in shown
    assert "and 488 more" in shown


def test_what_sums_others_up_is_shown_after_them() -> None:
    shown = section(
        "dev", Difference(added=(), removed=(), changed={"README.md": "+1", "aws/a.json": "+2"}), SAME, [], []
    )
    assert shown.index("=== aws/a.json\n+2") < shown.index("=== README.md\n+1")


def test_the_command_tells_of_each_stack_what_changed(dev: dict[str, str], tmp_path: Path) -> None:
    for stack in ("dev", "staging", "prod"):
        write(dev, tmp_path / "after" / stack)
    path = next(path for path in dev if path.startswith("aws/s3/"))
    write({**dev, path: dev[path] + "\nremoved line"}, tmp_path / "before" / "dev")
    done = subprocess.run(
        [sys.executable, "-m", "infra.review.change", "--before", tmp_path / "before", "--after", tmp_path / "after"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^### (\w+)$", done.stdout, re.MULTILINE) == ["dev", "staging", "prod"]
    assert "0 files new, 0 gone, 1 changed" in done.stdout
    assert f"=== {path}" in done.stdout
    assert "-removed line" in done.stdout
    assert done.stdout.count("**Policies** hold.") == 3
    assert len(done.stdout) < 60_000


def test_a_missing_render_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.review.change", "--before", tmp_path, "--after", tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "holds no render; make it with `make render`" in done.stderr
