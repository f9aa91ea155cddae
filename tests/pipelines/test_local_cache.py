"""Folders of runs that several runs delete."""

from pathlib import Path

import pytest

from pipelines import local_cache


def test_what_another_run_deletes_meanwhile_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / f"training-2026-{name}").mkdir()
    is_dir = Path.is_dir

    def is_dir_and_goes(folder: Path) -> bool:
        found = is_dir(folder)
        if folder.name == "training-2026-b":
            folder.rmdir()
        return found

    monkeypatch.setattr(Path, "is_dir", is_dir_and_goes)
    local_cache.prune(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["training-2026-a", "training-2026-c"]
