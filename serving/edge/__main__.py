"""Export the champion for devices: ``python -m serving.edge --out edge``.

The last line on standard output is JSON: model version, folder, bytes, the largest relative difference from
the bundle (``parity``), and ``p99_milliseconds`` of one trip on one core.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from components import contract
from components.model import ModelIntegrityError
from components.tracking import TrackingError
from serving.edge.export import GRAPH_FILE, ExportError, export
from serving.edge.trees import NotExportableError
from serving.manifest import BundleError
from serving.registry import Registry, download


def main(arguments: list[str]) -> None:
    """Export the model that serves, or say on one line why not."""
    parser = argparse.ArgumentParser(prog="python -m serving.edge", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write; a former export there is replaced")
    out: Path = parser.parse_args(arguments).out
    try:
        with tempfile.TemporaryDirectory(prefix="keelson-edge-") as temporary:
            _say(f"{contract.MODEL_NAME}: taking the {contract.CHAMPION} from the registry")
            registered = download(contract.CHAMPION, Path(temporary), Registry())  # pyright: ignore[reportCallIssue]
            _say(f"version {registered.version}: making the graph, comparing it with the bundle, measuring it")
            measured = export(registered, out)
    except (BundleError, ExportError, ModelIntegrityError, NotExportableError, OSError, TrackingError) as error:
        sys.exit(f"nothing was exported: {error}")
    told = {
        "version": registered.version,
        "out": str(out),
        "bytes": (out / GRAPH_FILE).stat().st_size,
        "parity": measured.difference,
        "p99_milliseconds": round(measured.p99_milliseconds, 3),
    }
    print(json.dumps(told), flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
