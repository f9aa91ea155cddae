"""Composition root: stack configuration → validated settings → layers → exports."""

import pathlib
import signal
import sys
import threading

import pulumi
from pulumi.runtime.config import CONFIG

from infra import outputs, settings
from infra.settings.cloud import CloudSettings
from infra.settings.cluster import ClusterSettings
from infra.settings.local import LocalSettings

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main() -> None:
    """Declare the resources of the selected stack.

    Raises:
        pulumi.RunError: A setting is wrong, or there is no such stack; the message is one sentence.
    """
    _end_quietly_when_interrupted()
    try:
        chosen = settings.load(pulumi.get_stack(), pulumi.get_project(), CONFIG.get())
    except settings.SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    if isinstance(chosen, LocalSettings):
        values = _local(chosen)
    else:
        values = _cloud(chosen) if isinstance(chosen, CloudSettings) else _cluster(chosen)
    for name, value in values.items():
        pulumi.export(name, value)


def _end_quietly_when_interrupted() -> None:
    """Pulumi interrupts the program when a resource fails; a traceback of that would bury what the resource says."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, lambda number, _: sys.exit(128 + number))


def _local(chosen: LocalSettings) -> dict[str, pulumi.Input[str]]:
    from infra.local.embedded import EmbeddedPlatform

    return outputs.exported(EmbeddedPlatform("local", root=ROOT, settings=chosen).values)


def _cloud(chosen: CloudSettings) -> dict[str, pulumi.Input[str]]:
    # Imported here: the providers' packages would cost each local `pulumi up` a second.
    from infra.aws.platform import CloudPlatform
    from infra.versions import versions

    platform = CloudPlatform("cloud", settings=chosen, versions=versions())
    if platform.foundation is None:
        return {}
    from infra.apps.cluster import ClusterLayer

    layer = ClusterLayer("apps", foundation=platform.foundation, settings=chosen, needs=platform.ready)
    return outputs.exported(layer.values)


def _cluster(chosen: ClusterSettings) -> dict[str, pulumi.Input[str]]:
    from infra.self_hosted.platform import SelfHostedPlatform
    from infra.versions import versions

    return outputs.exported(SelfHostedPlatform("cluster", settings=chosen, versions=versions()).values)


main()
