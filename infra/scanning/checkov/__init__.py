"""Checkov: security rules for Kubernetes objects, run in an environment of its own and offline."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.scanning.findings import Finding, ScanError
from infra.scanning.objects import KubernetesObject, as_known
from infra.tools import cache, environment
from infra.tools.catalogue import load
from infra.tools.find import Search, search_path
from infra.tools.install import CLONE

_HERE = Path(__file__).parent
_LAST_LINES = 15
# Kinds that checkov has rules for at any rate.
_WORKLOADS = ("CronJob", "DaemonSet", "Deployment", "Job", "Pod", "StatefulSet")


def scan(objects: Sequence[KubernetesObject]) -> list[Finding]:
    """Hold checkov's rules for Kubernetes against the objects.

    Raises:
        ScanError: Checkov cannot be installed or fails, or passes over a workload.
    """
    python = interpreter()
    with tempfile.TemporaryDirectory(prefix="keelson-checkov-") as folder:
        for number, one in enumerate(objects):
            Path(folder, f"{number}.yaml").write_text(json.dumps(_without_annotations(as_known(one).manifest)))
        report = _run(python, Path(folder))
    failed, passed = report.get("failed_checks", []), report.get("passed_checks", [])
    # What checkov cannot read it passes over without a word.
    seen = {_number(check["file_path"]) for check in (*failed, *passed)}
    unseen = [one.file for number, one in enumerate(objects) if as_known(one).kind in _WORKLOADS and number not in seen]
    if unseen:
        raise ScanError(f"checkov did not look at {', '.join(unseen)}")
    return [
        Finding(
            file=one.file,
            reference=one.reference,
            scanner="checkov",
            rule=check["check_id"],
            message=check["check_name"],
        )
        for check in failed
        for one in [objects[_number(check["file_path"])]]
    ]


def interpreter() -> Path:
    """Python of checkov's environment, made from its lock in the tools' cache.

    Raises:
        ScanError: The environment cannot be made.
    """
    store = cache.locate(dict(os.environ))
    search = Search(search_path(os.environ.get("PATH", ""), CLONE), store)
    lock = (_HERE / "uv.lock").read_bytes() + sys.version.encode()
    place = store.tools / "checkov" / hashlib.sha256(lock).hexdigest()[:8]
    if not place.is_dir():
        with store.lock("checkov", _waiting), store.staging("checkov") as staged:
            if not place.is_dir():
                print("checkov: making its environment", file=sys.stderr)
                _sync(environment.obtain_uv(load().uv, search, print), staged, store)
                cache.put(staged, place)
    return place / "bin" / "python"


def _waiting() -> None:
    print("checkov: another install is at it; waiting", file=sys.stderr)


def _sync(uv: Path, folder: Path, store: cache.Cache) -> None:
    settings = {
        **os.environ,
        "UV_CACHE_DIR": str(store.uv),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PROJECT_ENVIRONMENT": str(folder),
    }
    settings.pop("VIRTUAL_ENV", None)
    command = [str(uv), "sync", "--frozen", "--no-install-project", "--project", str(_HERE), "--python", sys.executable]
    result = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ScanError(f"checkov cannot be installed: {_end(result.stderr)}")


def _run(python: Path, folder: Path) -> dict[str, Any]:
    """Checkov's checks, ``{"passed_checks": [...], "failed_checks": [...]}``."""
    command = [str(python), "-m", "checkov.main", "--directory", str(folder), "--framework", "kubernetes"]
    # No rules, prices or results are asked for or sent anywhere.
    command += ["--skip-download", "--output", "json", "--compact"]
    result = subprocess.run(
        command, env={**os.environ, "LOG_LEVEL": "ERROR"}, capture_output=True, text=True, check=False
    )
    try:
        report = json.loads(result.stdout)
    except ValueError:
        raise ScanError(f"checkov failed with exit status {result.returncode}: {_end(result.stderr)}") from None
    # Without a single object that it has rules for, checkov writes a summary alone.
    return report.get("results", {})


def _without_annotations(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The object without checkov's own annotations: exceptions are counted in infra/scanning/exemptions.py."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "annotations"}
    return {**manifest, "metadata": metadata}


def _number(file: str) -> int:
    return int(Path(file).stem)


def _end(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LAST_LINES:])
