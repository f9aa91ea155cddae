"""Copy the newest features to the online store: ``python -m components.materialize``.

No run need name the versions: the newest of each table is taken, up to the newest time in it.
"""

import polars as pl

from components import contract, tables
from components.materialize.step import materialize
from components.platform import Platform


def main() -> None:
    """Materialize on the platform of the environment, and print how many keys are online."""
    platform = Platform()  # pyright: ignore[reportCallIssue]
    versions = [
        tables.latest_version(platform, name) for name in (tables.ZONE_FEATURES_TABLE, tables.PAIR_FEATURES_TABLE)
    ]
    if versions[0] is None or versions[1] is None:
        print("no features have been built yet")
        return
    zones = tables.scan(platform, tables.ZONE_FEATURES_TABLE, versions[0])
    end = zones.select(pl.col(contract.EVENT_TIME).max()).collect().item()
    for view, keys in materialize(platform, versions[0], versions[1], end).items():
        print(f"{view}: {keys} keys are online")


if __name__ == "__main__":
    main()
