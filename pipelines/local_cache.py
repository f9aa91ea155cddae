"""Answers of earlier steps, kept by content.

kfp.local's own cache goes by paths: it serves an artifact that was changed since, and gives the old answer for a file
that was changed under the same path. Here an answer is found by the SHA-256 of every input artifact, and given only if
every output artifact still has the SHA-256 that its step published.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.local.cache import LocalCache

from components.artifacts import SHA256, ArtifactIntegrityError, digest

# Folders of runs, and of answers for one state of the code, that are kept.
KEPT_RUNS, KEPT_STATES = 20, 5


class ContentCache(LocalCache):
    """The cache that kfp.local asks before it runs a step.

    Args:
        folder: Where answers are kept, one small JSON file each.
        refused: Called with an answer's fault when it is not given.
    """

    def __init__(self, folder: Path, refused: Callable[[ArtifactIntegrityError], None]) -> None:
        super().__init__(str(folder))
        self._refused = refused

    def compute_key(
        self,
        component_name: str,
        image: str,
        full_command: list[str],
        arguments: dict[str, Any],
        env_vars: dict[str, str] | None = None,
        custom_cache_key: str | None = None,
    ) -> str:
        """SHA-256 over the step's code and the content of its inputs; where artifacts lie does not matter."""
        asked = [component_name, image, full_command, _content(arguments), env_vars or {}, custom_cache_key]
        return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()

    def get(self, key: str) -> dict[str, Any] | None:
        """The outputs kept under a key, or None where there are none or one is not what it was."""
        outputs = super().get(key)
        try:
            for output in (outputs or {}).values():
                check(output)
        except ArtifactIntegrityError as fault:
            self._refused(fault)
            return None
        return outputs


def check(output: Any) -> None:
    """Raise ArtifactIntegrityError where an output is, or holds, an artifact that is not what its step published."""
    if isinstance(output, list):
        for item in output:
            check(item)
    if isinstance(output, dsl.Artifact):
        path, expected = Path(output.path), str(output.metadata.get(SHA256, "unknown"))
        actual = digest(path) if path.exists() else "that of nothing"
        if actual != expected:
            raise ArtifactIntegrityError(output.name, output.uri, expected, actual)


def _content(value: Any) -> Any:
    """A step's arguments with artifacts replaced by kind and digest."""
    if isinstance(value, dsl.Artifact):
        return {"kind": type(value).schema_title, SHA256: value.metadata.get(SHA256) or digest(Path(value.path))}
    if isinstance(value, list):
        return [_content(item) for item in value]
    if isinstance(value, dict):
        return {name: _content(item) for name, item in value.items()}
    return value


def prune(root: Path) -> None:
    """Delete the oldest run folders and the answers for old states of the code; a missing answer is only recomputed."""
    runs = [folder for folder in root.glob("*-20*") if folder.is_dir()]
    states = [folder for folder in (root / "cache").glob("*") if folder.is_dir()]
    for folders, kept in ((runs, KEPT_RUNS), (states, KEPT_STATES)):
        for folder in sorted(folders, key=_written, reverse=True)[kept:]:
            shutil.rmtree(folder, ignore_errors=True)


def _written(folder: Path) -> float:
    """When a folder was last written; long ago where another run has deleted it meanwhile."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return float("-inf")
