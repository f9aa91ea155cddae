"""Copy the newest features to the online store: ``python -m components.materialize``.

No run need name the versions: the newest of each table is taken, up to the last trip that it was built from.
"""

from typing import Annotated

import typer

from components import tables
from components.features import builds
from components.materialize.step import materialize
from components.platform import Platform


def main(
    versions: Annotated[
        tuple[int, int] | None, typer.Option(help="Versions of the zone and the pair features; the newest if absent.")
    ] = None,
    *,
    move_back: Annotated[bool, typer.Option("--move-back", help="Even if newer versions are online.")] = False,
    forget_pushed: Annotated[
        bool, typer.Option("--forget-pushed", help="Back to the batch: let no trip count that was pushed so far.")
    ] = False,
) -> None:
    """Materialize on the platform of the environment, and print how many keys are online."""
    platform = Platform()  # pyright: ignore[reportCallIssue]
    names = (tables.ZONE_FEATURES_TABLE, tables.PAIR_FEATURES_TABLE)
    zones, pairs = versions or (tables.latest_version(platform, name) for name in names)
    if zones is None or pairs is None:
        print("no features have been built yet")
        return
    build = builds.find(platform, dict(zip(names, (zones, pairs), strict=True)))
    if build is None:
        raise typer.BadParameter(f"it is not known what versions {zones} and {pairs} were built from: run the pipeline")
    back = {"move_back": move_back, "forget_pushed": forget_pushed}
    for view, keys in materialize(platform, zones, pairs, build.last_ended, **back).items():
        print(f"{view}: {keys} keys are online")


if __name__ == "__main__":
    typer.run(main)
