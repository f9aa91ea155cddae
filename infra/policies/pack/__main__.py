"""The policy pack that Pulumi starts: every rule of the repository as one of Pulumi's policies.

`pulumi preview --policy-pack infra/policies/pack` runs it in the environment of the folder's own lock.
"""

import sys
from pathlib import Path

# Pulumi runs this folder alone; the rules are in the repository's package.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

# The repository's main environment cannot have pulumi-policy: see pyproject.toml beside this file.
from pulumi_policy import PolicyPack  # pyright: ignore[reportMissingImports]

from infra.policies.previewed import policies

if __name__ == "__main__":
    PolicyPack("keelson", policies=policies())
