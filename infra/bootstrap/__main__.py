"""Composition root of the bootstrap: configuration → validated settings → account → exports."""

import pulumi
from pulumi.runtime.config import CONFIG

from infra.bootstrap import settings
from infra.bootstrap.account import Account


def main() -> None:
    """Declare what the account needs.

    Raises:
        pulumi.RunError: A setting is wrong or missing; the message is one sentence.
    """
    try:
        chosen = settings.load(pulumi.get_project(), pulumi.get_stack(), CONFIG.get())
    except settings.SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in Account("account", settings=chosen).exported.items():
        pulumi.export(name, value)


main()
