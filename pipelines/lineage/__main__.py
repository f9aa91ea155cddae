"""``python -m pipelines.lineage model:champion``: what a thing was made from, and what was made from it.

Stdout has a tree, or with ``--json`` one JSON object; ``--out`` draws the same as an SVG file.
"""

import argparse
import sys
from pathlib import Path

from components.platform import Platform
from components.tracking import TrackingError
from pipelines.lineage import drawing, render
from pipelines.lineage.build import build
from pipelines.lineage.bundles import BundleStore
from pipelines.lineage.collect import Sources, collect
from pipelines.lineage.graph import chain
from pipelines.lineage.subject import FORMS, SubjectError, parse
from pipelines.lineage.versions import StoreUnavailableError


def main(arguments: list[str]) -> None:
    """Print the chain of what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.lineage", description=__doc__)
    parser.add_argument("of", metavar="OF", help=FORMS)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a tree")
    parser.add_argument("--out", type=_svg_file, help="an SVG file to write")
    given = parser.parse_args(arguments)
    sources = Sources(
        platform=Platform(),  # pyright: ignore[reportCallIssue]
        store=BundleStore(),
        clone=Path(__file__).parent,
    )
    try:
        records, subject = collect(sources, parse(given.of))
    except (SubjectError, TrackingError, StoreUnavailableError) as error:
        sys.exit(f"no lineage: {error}")
    graph = chain(build(records), subject)
    if given.json:
        print(render.as_json(graph, subject))
    else:
        render.print_tree(graph, subject, sys.stdout)
    if records.service.silence:
        sys.stderr.write(f"what is deployed is not known: {records.service.url}: {records.service.silence}\n")
    if given.out:
        given.out.write_text(drawing.svg(graph, subject), encoding="utf-8")
        sys.stderr.write(f"drawn in {given.out}\n")


def _svg_file(text: str) -> Path:
    file = Path(text)
    if file.suffix != ".svg" or not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} was given; give a name that ends in .svg, in a folder that exists")
    return file


if __name__ == "__main__":
    main(sys.argv[1:])
