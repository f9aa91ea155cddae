"""Writes what the docs say of the program's tables: ``python -m infra.apps.documents``.

A page marks where with ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.apps import namespaces, openings, roles

DOCS = Path(__file__).resolve().parents[2] / "docs"

BLOCKS: Mapping[str, Callable[[], str]] = {
    "namespaces": namespaces.table,
    "openings-drawing": lambda: f"```mermaid\n{openings.drawing()}\n```",
    "openings": openings.table,
    "roles": roles.table,
}


def filled(page: str) -> str:
    """The page with every marked block as the program has it now.

    Raises:
        KeyError: A marker has a name that no table has.
    """
    return re.sub(
        r"(<!-- begin ([a-z-]+) -->\n).*?(<!-- end \2 -->)",
        lambda found: f"{found[1]}{BLOCKS[found[2]]()}\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


def main() -> None:
    """Bring the pages up to date, and say which were not."""
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text()
        now = filled(text)
        if now != text:
            page.write_text(now)
            print(f"{page.name} is brought up to date")


if __name__ == "__main__":
    main()
