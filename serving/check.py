"""Can a model serve? ``python -m serving.check MODEL_FOLDER`` builds its bundle and calls it as a caller would.

The bundle is built by the code that builds the one to deploy, into a store that is thrown away. Its sources then run in
another process that has nothing to import but them and the packages that the bundle pins; ``serving.probe`` says what
is asked of them there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from components.model import ModelIntegrityError
from serving.bundle import build_bundle, bundle_folder
from serving.environment import link_packages
from serving.manifest import BundleError, Manifest
from serving.registry import RegisteredModel

PROBE_SECONDS = 120

# -I and -S leave only the standard library to import: no working folder, no installed packages, no PYTHONPATH.
_ISOLATED = ("-I", "-S", "-c")
_START = "import runpy, sys; sys.path[:0] = sys.argv[1:3]; runpy.run_path(sys.argv[3], run_name='__main__')"
_PROBE = Path(__file__).with_name("probe.py")


def check(folder: Path, scratch: Path) -> dict[str, Any]:
    """Build and probe the bundle of a model.

    Args:
        folder: The model's folder.
        scratch: An empty folder, the home of BentoML from now on.

    Returns:
        What the probe found (see ``serving.probe.probe``), ``megabytes`` of the model folder, ``model_sha256`` and
        ``packages``, all that the bundle pins.

    Raises:
        BundleError: The bundle cannot be built, or does not start in its own environment.
        ModelIntegrityError: The model folder is damaged, or was made for another contract.
    """
    os.environ.update(BENTOML_HOME=str(scratch / "home"), BENTOML_DO_NOT_TRACK="True")
    tag = build_bundle(RegisteredModel(folder, version="0", run_id="none", data_version="unknown"))
    sources = bundle_folder(tag) / "src"
    manifest = Manifest.read_verified(sources)
    link_packages(manifest.packages, scratch / "packages")
    found = _probe(sources, scratch)
    (variant,) = manifest.variants
    size = sum(file.stat().st_size for file in (sources / variant.folder).rglob("*"))
    return {
        **found,
        "megabytes": size / 1e6,
        "model_sha256": variant.model_sha256,
        "packages": manifest.packages,
    }


def _probe(sources: Path, scratch: Path) -> dict[str, Any]:
    """What the probe prints, with nothing from this process' environment."""
    command = [sys.executable, *_ISOLATED, _START, str(sources), str(scratch / "packages"), str(_PROBE)]
    variables = {"BENTOML_HOME": str(scratch / "home"), "BENTOML_DO_NOT_TRACK": "True", "HOME": str(scratch)}
    try:
        done = subprocess.run(
            command, cwd=sources, env=variables, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BundleError(f"the bundle did not start and answer within {PROBE_SECONDS} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"the process ended with code {done.returncode}"])[-1]
        raise BundleError(f"the bundle does not start and answer in its own environment: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str]) -> None:
    """Check a model folder; prints one JSON line last."""
    parser = argparse.ArgumentParser(prog="python -m serving.check", description=__doc__)
    parser.add_argument("folder", type=Path, help="a model folder, as components.model writes it")
    folder: Path = parser.parse_args(arguments).folder
    try:
        with tempfile.TemporaryDirectory(prefix="keelson-check-") as scratch:
            found = check(folder, Path(scratch))
    except (BundleError, ModelIntegrityError) as error:
        sys.exit(str(error))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
