"""Composition root: stack configuration → validated settings → layers → exports."""

import pathlib

import pulumi
from pulumi.runtime.config import CONFIG

from infra import outputs, settings
from infra.local.embedded import EmbeddedPlatform

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main() -> None:
    """Declare the resources of the selected stack.

    Raises:
        pulumi.RunError: A setting is wrong, or there is no such stack; the message is one sentence.
    """
    try:
        chosen = settings.load(pulumi.get_stack(), pulumi.get_project(), CONFIG.get())
    except settings.SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    platform = EmbeddedPlatform("local", root=ROOT, settings=chosen)
    for name, value in outputs.exported(platform.values).items():
        pulumi.export(name, value)


main()
