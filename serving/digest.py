"""The digest of a bundle, once each of its files is known to be what was built: ``python -m serving.digest TAG``.

Two bundles of one digest do the same. Prints one JSON line: ``digest``, ``tag``, ``commit`` and ``models``, the SHA-256
of each model by its version.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from serving.bundle import bundle_folder
from serving.manifest import BundleError, Manifest


def verified(tag: str) -> Manifest:
    """What the bundle of a tag in the Bento store says of itself.

    Raises:
        BundleError: There is none, a file of it was changed, or it is another bundle than its place says.
    """
    manifest = Manifest.read_verified(bundle_folder(tag) / "src")
    if manifest.tag != tag:
        raise BundleError(f"what lies in the store as {tag} is {manifest.tag}")
    return manifest


def main(arguments: Sequence[str]) -> None:
    """Print the digest of the bundle that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m serving.digest", description=__doc__)
    parser.add_argument("tag")
    try:
        found = verified(parser.parse_args(arguments).tag)
    except BundleError as error:
        sys.exit(f"no digest: {error}")
    models = {variant.model_version: variant.model_sha256 for variant in found.variants}
    told = {"digest": found.content_hash(), "tag": found.tag, "commit": found.commit, "models": models}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
