"""Where a stack's jobs find their account and state, as the stack's own file says.

``python -m infra.repository.variables --stack dev`` prints ``name=value`` lines, as GitHub wants a step's outputs.
"""

import re
import sys
from collections.abc import Mapping
from typing import Annotated

import typer
import yaml

from infra.aws.naming import state_bucket
from infra.operations.stack import Stack, StackError, load
from infra.render.engine import ROOT
from infra.repository.table import training

_STATE = "PULUMI_BACKEND_URL"
# As docs/bootstrap.md has it set: the key lies where the state does.
_KEY = re.compile(r"^awskms://.*[?&]region=([a-z0-9-]+)")


def variables(stack: Stack, secrets_provider: str) -> Mapping[str, str]:
    """``AWS_ACCOUNT_ID``, ``AWS_REGION`` and ``PULUMI_BACKEND_URL``; none for a stack that was not prepared yet.

    Args:
        secrets_provider: What the stack's file says of the key of its secrets; empty where it says nothing.
    """
    key = _KEY.match(secrets_provider)
    account = stack.settings.account_id
    if key is None or account is None:
        return {}
    return {
        "AWS_ACCOUNT_ID": account,
        "AWS_REGION": stack.region,
        _STATE: f"s3://{state_bucket(account, key[1])}/{stack.name}?region={key[1]}&awssdk=v2",
    }


def by_environment(stacks: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Variables of each GitHub environment, by what those of each stack are.

    Jobs that train open no state, and get the address of none.
    """
    found: dict[str, Mapping[str, str]] = {}
    for stack, known in stacks.items():
        found[stack] = known
        found[training(stack)] = {name: value for name, value in known.items() if name != _STATE}
    return found


def of_stack(name: str) -> Mapping[str, str]:
    """The variables of a stack of this repository.

    Raises:
        StackError: There is no such stack, or a setting of it is wrong.
    """
    stack = load(name)
    file = yaml.safe_load((ROOT / "infra" / "stacks" / f"Pulumi.{name}.yaml").read_text()) or {}
    return variables(stack, file.get("secretsprovider", ""))


def main(stack: Annotated[str, typer.Option(help="dev, staging or prod")]) -> None:
    """Print where a stack's jobs find their account and state; nothing for a stack that was not prepared yet."""
    try:
        found = of_stack(stack)
    except StackError as error:
        sys.exit(f"python -m infra.repository.variables: {error}")
    for name, value in found.items():
        print(f"{name}={value}")


if __name__ == "__main__":
    typer.run(main)
