"""List a Makefile's targets with the comments that stand behind them. Usage: ``python -m infra.tools.targets FILE``."""

import re
import sys
from pathlib import Path


def main() -> None:
    """Print one line a target, in the file's order."""
    lines = Path(sys.argv[1]).read_text().splitlines()
    found = [match.groups() for line in lines if (match := re.match(r"([a-z-]+):.*?## (.*)", line))]
    width = max(len(name) for name, _ in found)
    for name, text in found:
        print(f"make {name:{width}}  {text}")


if __name__ == "__main__":
    main()
