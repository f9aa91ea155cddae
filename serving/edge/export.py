"""A registered model as a folder for devices: ``model.onnx``, ``metadata.json`` and ``client.py``."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from components.features.online import ONLINE_FEATURES
from components.model import load_model, model_files
from serving.edge import parity
from serving.edge.budget import Measured, measure, problems
from serving.edge.graph import build
from serving.edge.metadata import describe
from serving.environment import pinned_packages
from serving.registry import RegisteredModel
from serving.trips import EXAMPLE_TRIP, parse_trips

GRAPH_FILE, METADATA_FILE, CLIENT_FILE = "model.onnx", "metadata.json", "client.py"
_FILES = {GRAPH_FILE, METADATA_FILE, CLIENT_FILE}


class ExportError(RuntimeError):
    """Nothing was exported; the message says what is wrong and what to do."""


def export(registered: RegisteredModel, out: Path) -> Measured:
    """Export a model, whole or not at all.

    Args:
        registered: The model.
        out: Folder to make; a former export there is replaced.

    Returns:
        The figures of the exported model.

    Raises:
        ExportError: The exported model is over a budget or differs from the bundle, or ``out`` holds something else.
        NotExportableError: The model has a part that the graph cannot hold.
        ModelIntegrityError: The model folder is damaged, or was made for another contract.
        PackageMismatchError: The model needs another version of a package than is installed here.
    """
    out = out.resolve()
    _refuse_others(out)
    manifest_file, native = (registered.folder / name for name in model_files(registered.folder))
    # As for the bundle: the numbers to compare with are those of the version that the bundle has.
    pinned_packages(json.loads(manifest_file.read_text(encoding="utf-8"))["requires"])
    model = load_model(registered.folder)
    graph = build(model, native).SerializeToString(deterministic=True)
    measured = measure(graph, model)
    if found := problems(measured):
        raise ExportError(f"model version {registered.version} is not for devices: {'; '.join(found)}")
    trips = parse_trips(json.dumps(EXAMPLE_TRIP).encode())
    example = parity.expected(model, parity.Question(trips, np.full((1, len(ONLINE_FEATURES)), np.nan)))
    prediction = {name: float(values[0]) for name, values in example.items()}
    _put(graph, describe(registered, model, graph, measured, prediction), out)
    return measured


def _put(graph: bytes, metadata: dict[str, Any], out: Path) -> None:
    """Write the folder beside its place, then move it there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        (new / GRAPH_FILE).write_bytes(graph)
        (new / METADATA_FILE).write_text(json.dumps(metadata, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        shutil.copyfile(Path(__file__).with_name(CLIENT_FILE), new / CLIENT_FILE)
        if out.exists():
            out.rename(old)
        try:
            new.rename(out)
        except BaseException:
            if old.exists():
                old.rename(out)
            raise


def _refuse_others(out: Path) -> None:
    """Keep a mistyped folder from being replaced."""
    if not out.exists():
        return
    others = sorted({file.name for file in out.iterdir()} - _FILES) if out.is_dir() else [out.name]
    if others:
        raise ExportError(
            f"{out} is no former export: it holds {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}; give "
            "another folder, or move that"
        )
