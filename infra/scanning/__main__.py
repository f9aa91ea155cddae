"""Scan renders: ``python -m infra.scanning [DIR...]``; without a folder every cloud stack is rendered and scanned.

Exit status 1: something was found, or could not be scanned.
"""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.scanning import renders
from infra.scanning.findings import Finding, ScanError
from infra.scanning.objects import RenderError
from infra.scanning.scan import scan
from infra.versions import versions


def main(folders: Annotated[list[Path] | None, typer.Argument(help="folders written by `make render`")] = None) -> None:
    """Print what is wrong with the Kubernetes objects of renders."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="keelson-renders-") as folder, console.status("starting") as status:
        try:
            chosen = folders or renders.write(Path(folder), status.update)
            found = scan(chosen, versions(), status.update, whole=not folders)
        except (RenderError, ScanError) as error:
            sys.exit(f"make scan: {error}")
    for render, findings in found.items():
        _print(render, findings)
    if any(found.values()):
        sys.exit(1)


def _print(render: Path, findings: list[Finding]) -> None:
    if not findings:
        print(f"{render.name}: nothing found")
        return
    table = Table(title=f"{render.name}: {len(findings)} findings")
    for column in ("file", "scanner", "rule", "what is wrong"):
        # Nothing is cut where the terminal is narrow, or there is none.
        table.add_column(column, overflow="fold")
    for one in findings:
        table.add_row(one.file, one.scanner, one.rule, one.message)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
