"""What counts as a component's source, and what counts as a change of it."""

from pathlib import Path

import pytest

from pipelines.versioning.sources import ROOT, digest, sources

FILES = {
    "components/__init__.py": "",
    "components/versions.py": "COMPONENT_VERSIONS = {}",
    "components/page.py": "from pathlib import Path",
    "components/page.html": "<html>",
    "components/other.html": "<html>",
    "components/tables.py": "import polars\nfrom components import versions",
    "components/unrelated.py": "",
    "components/greet/__init__.py": "",
    "components/greet/component.py": "def greet():\n    from components.greet import step",
    "components/greet/step.py": "import json\nfrom components.page import render\nfrom ..tables import scan",
    "components/greet/words.csv": "hello",
    "components/greet/.hidden": "a tool's",
    "components/greet/__pycache__/step.pyc": "compiled",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_folder_what_it_imports_and_what_that_imports_are_its_source(root: Path) -> None:
    assert list(sources(root / "components" / "greet", root)) == [
        "components/__init__.py",
        "components/greet/__init__.py",
        "components/greet/component.py",
        "components/greet/step.py",
        "components/greet/words.csv",
        "components/page.html",
        "components/page.py",
        "components/tables.py",
    ]


@pytest.mark.parametrize("name", ["components/greet/words.csv", "components/page.html"])
def test_a_file_that_is_read_is_a_source_byte_by_byte(root: Path, name: str) -> None:
    before = sources(root / "components" / "greet", root)
    (root / name).write_text("another text")
    after = sources(root / "components" / "greet", root)
    assert [one for one in after if before[one] != after[one]] == [name]


CODE = 'def half(number: int) -> float:\n    """Half of it."""\n    return number / 2  # exact\n'
SAME = [
    "def half(number: int) -> float:\n    return number / 2\n",
    '"""Arithmetic."""\n\n\ndef half(\n    number: int,\n) -> float:\n    """Words."""\n    return (number / 2)\n',
]
OTHER = [
    "def half(number: int) -> float:\n    return number / 3\n",
    "def half(number: float) -> float:\n    return number / 2\n",
    "def half(number: int) -> float:\n    'text'\n    'more'\n    return number / 2\n",
    "def half(number: int) -> float:\n    return number // 2\n",
    "def halve(number: int) -> float:\n    return number / 2\n",
]


@pytest.mark.parametrize("text", SAME)
def test_comments_docstrings_and_layout_are_no_change(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text(CODE)
    (tmp_path / "b.py").write_text(text)
    assert digest(tmp_path / "a.py") == digest(tmp_path / "b.py")


@pytest.mark.parametrize("text", OTHER)
def test_whatever_can_change_what_code_does_is_a_change(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text(CODE)
    (tmp_path / "b.py").write_text(text)
    assert digest(tmp_path / "a.py") != digest(tmp_path / "b.py")


def test_a_component_of_the_project_is_followed_to_what_it_computes_with() -> None:
    found = sources(ROOT / "components" / "build_features")
    assert {"components/contract.py", "components/tables.py", "components/features/transform.py"} <= found.keys()
    assert not any(name.startswith(("infra/", "tests/")) for name in found)
