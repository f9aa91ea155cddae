"""``python -m pipelines.compile OUT``: write every pipeline as KFP IR YAML, the same bytes for the same code."""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
import argparse
from pathlib import Path

from kfp import compiler

from pipelines.training import training

PIPELINES = {"training": training}


def compile_all(folder: Path) -> list[Path]:
    """Write ``<name>.yaml`` for each pipeline to a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, pipeline in PIPELINES.items():
        file = folder / f"{name}.yaml"
        compiler.Compiler().compile(pipeline, str(file))  # pyright: ignore[reportArgumentType]
        files.append(file)
    return files


def main() -> None:
    """Compile to the folder given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.compile", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the YAML files")
    for file in compile_all(parser.parse_args().out):
        print(file)


if __name__ == "__main__":
    main()
