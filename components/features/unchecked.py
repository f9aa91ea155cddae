"""Import Feast without its run-time type checks; import this module before anything of Feast.

Feast has typeguard parse and rewrite the source of its classes whenever it is imported: 3.6 s of CPU time instead of
1.2 s, in every process that reads features. What this project passes to Feast, pyright checks.
"""

from typing import Any

import typeguard


def _unchanged(target: Any = None, **_: Any) -> Any:
    """Stands for ``typeguard.typechecked`` in both its forms, with and without arguments."""
    return target if target is not None else _unchanged


_checked, typeguard.typechecked = typeguard.typechecked, _unchanged
try:
    import feast  # noqa: F401  # pyright: ignore[reportUnusedImport]
finally:
    typeguard.typechecked = _checked
