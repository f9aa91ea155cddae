"""An export is three files that say what they are, whole or not at all."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, load

from components import contract, thresholds
from components.families.family import NAMES
from components.features.online import ONLINE_FEATURES
from components.model import ModelIntegrityError, contract_hash, load_model
from serving.edge import client
from serving.edge.export import ExportError, export
from serving.environment import PackageMismatchError
from serving.registry import RegisteredModel

TYPES = {TensorProto.INT64: "int64", TensorProto.DOUBLE: "float64"}

Trained = Callable[[str], RegisteredModel]


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a busy test machine is, is not what is asked here."""
    monkeypatch.setattr(thresholds, "MAX_EDGE_P99_MILLISECONDS", 1e6)


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def metadata(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metadata.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_an_export_of_any_family_is_three_files(trained: Trained, tmp_path: Path, name: str) -> None:
    measured = export(trained(name), tmp_path / "new" / "edge")
    assert sorted(content(tmp_path / "new" / "edge")) == ["client.py", "metadata.json", "model.onnx"]
    assert measured.difference < thresholds.EDGE_TOLERANCE
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["edge"]


def test_metadata_tell_what_was_exported(trained: Trained, tmp_path: Path) -> None:
    registered = trained("lightgbm")
    export(registered, tmp_path / "edge")
    told, model = metadata(tmp_path / "edge"), load_model(registered.folder)
    assert told["model"] == {
        "name": contract.MODEL_NAME,
        "version": "7",
        "run_id": "run-of-7",
        "data_version": "3",
        "family": "lightgbm",
        "sha256": model.sha256,
    }
    graph = content(tmp_path / "edge")["model.onnx"]
    assert told["model.onnx"] == {"sha256": hashlib.sha256(graph).hexdigest(), "bytes": len(graph)}
    assert told["contract_sha256"] == contract_hash()
    assert [one["name"] for one in told["features"]] == list(contract.MODEL_FEATURES)
    assert all(one["unit"] and one["meaning"] for one in told["features"])
    assert told["interval"].items() >= {"coverage": 0.8, "low": -0.25, "high": 0.375}.items()
    assert told["parity"]["tolerance"] == thresholds.EDGE_TOLERANCE
    assert told["budgets"]["megabytes"] == thresholds.MAX_EDGE_MEGABYTES
    assert told["packages"].keys() == {"lightgbm", "holidays", "numpy", "onnx", "onnxruntime"}


def test_metadata_tell_inputs_and_outputs_as_the_graph_has_them(trained: Trained, tmp_path: Path) -> None:
    export(trained("baseline"), tmp_path / "edge")
    told, graph = metadata(tmp_path / "edge"), load(tmp_path / "edge" / "model.onnx").graph

    def described(values: Any) -> list[tuple[str, str, list[Any]]]:
        found = []
        for value in values:
            tensor = value.type.tensor_type
            shape = [dimension.dim_param or dimension.dim_value for dimension in tensor.shape.dim]
            found.append((value.name, TYPES[tensor.elem_type], shape))
        return found

    for kind, values in (("inputs", graph.input), ("outputs", graph.output)):
        assert [(one["name"], one["type"], one["shape"]) for one in told[kind]] == described(values)
        assert all(one["unit"] for one in told[kind])
    assert told["inputs"][-1]["columns"] == list(ONLINE_FEATURES)
    assert "microseconds" in told["inputs"][0]["unit"]


def test_the_client_gives_the_example_its_number(trained: Trained, tmp_path: Path) -> None:
    export(trained("xgboost"), tmp_path / "edge")
    session, told = client.load(tmp_path / "edge")
    (found,) = client.predict(session, told, [told["example"]["trip"]])
    assert found == pytest.approx(told["example"]["prediction"], rel=thresholds.EDGE_TOLERANCE)


def test_a_second_export_of_a_version_is_the_same_bytes(trained: Trained, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export(trained("xgboost"), tmp_path / name)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_an_export_replaces_a_former_one(trained: Trained, tmp_path: Path) -> None:
    export(trained("linear"), tmp_path / "edge")
    export(replace(trained("baseline"), version="8"), tmp_path / "edge")
    assert metadata(tmp_path / "edge")["model"]["version"] == "8"
    assert [file.name for file in tmp_path.iterdir()] == ["edge"]


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_EDGE_MEGABYTES", 1e-6), ("MAX_EDGE_P99_MILLISECONDS", 1e-9), ("EDGE_TOLERANCE", -1.0)]
)
def test_over_a_limit_nothing_is_written_and_a_former_export_stays(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    export(trained("linear"), tmp_path / "edge")
    before = content(tmp_path / "edge")
    monkeypatch.setattr(thresholds, limit, value)
    for out in (tmp_path / "edge", tmp_path / "other"):
        with pytest.raises(ExportError, match=f"model version 7 is not for devices: .*{limit}"):
            export(trained("linear"), out)
    assert content(tmp_path / "edge") == before
    assert [file.name for file in tmp_path.iterdir()] == ["edge"]


@pytest.mark.parametrize("kind", ["a folder with other files", "a file"])
def test_what_is_no_former_export_is_left_alone(trained: Trained, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "edge"
    mine = out if kind == "a file" else out / "mine.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(ExportError, match=f"is no former export: it holds {mine.name}; give another folder"):
        export(trained("linear"), out)
    assert mine.read_text() == "mine"


def test_a_failed_move_leaves_the_former_export(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "edge"
    export(trained("linear"), out)
    before, rename = content(out), Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("no space left")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no space left"):
        export(trained("baseline"), out)
    assert content(out) == before


def test_a_damaged_model_is_not_exported(trained: Trained, tmp_path: Path) -> None:
    folder = shutil.copytree(trained("linear").folder, tmp_path / "model")
    (folder / "model-linear.json").write_text("{}")
    with pytest.raises(ModelIntegrityError, match="SHA-256"):
        export(replace(trained("linear"), folder=folder), tmp_path / "edge")
    assert not (tmp_path / "edge").exists()


def test_a_model_of_another_version_of_its_library_is_not_exported(trained: Trained, tmp_path: Path) -> None:
    folder = shutil.copytree(trained("lightgbm").folder, tmp_path / "model")
    manifest = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(manifest | {"requires": {"lightgbm": "3.0.0"}}))
    with pytest.raises(PackageMismatchError, match=r"needs lightgbm 3\.0\.0"):
        export(replace(trained("lightgbm"), folder=folder), tmp_path / "edge")
    assert not (tmp_path / "edge").exists()
