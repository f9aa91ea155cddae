"""`python -m infra.delivery.train`: run the published training pipeline in an environment, and wait for its end.

Usage: ``train --environment dev --reason TEXT [--parameters 'rows=100000 seed=7']``. Outputs: ``run_id``, and where the
environment is a stack `local` the ``model_version`` that passed the gate. Exit status 1: the run failed.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.aws.naming import prefix
from infra.delivery import outputs
from infra.delivery.cloud import CloudSettings, cloud
from infra.delivery.kubeflow_access import open_access
from infra.delivery.machine import MachineError, MachineSettings, machine
from infra.delivery.promotion import ENVIRONMENTS, environment_before
from infra.operations.account import Account, AccountError
from infra.operations.cluster_api import ClusterGone, ClusterUnreachable, reached

_PIPELINE = "training"


class TrainingFailed(RuntimeError):
    """The run failed; its own output says why."""


def arguments(reason: str, parameters: str) -> list[str]:
    """Of ``pipelines.submit``: the parameters are words as in a shell, each ``name=value``.

    Raises:
        ValueError: There is no reason, or a word is no parameter.
    """
    if not reason.strip():
        raise ValueError("say why: --reason 'the monitor saw drift'")
    words = shlex.split(parameters)
    if wrong := [word for word in words if not word.partition("=")[0].isidentifier() or "=" not in word]:
        raise ValueError(f"{wrong[0]!r} is no parameter; give words such as rows=100000")
    return [_PIPELINE, *(part for word in words for part in ("--param", word)), "--reason", reason, "--wait"]


def on_cluster(environment: str, asked: list[str], settings: CloudSettings) -> dict[str, Any]:
    """Run the pipeline on a stack's cluster; returns the JSON line of ``pipelines.submit``.

    Raises:
        TrainingFailed: The run failed, or was not started.
        ValueError: No image is set.
        ClusterGone, ClusterUnreachable, AccountError: The cluster cannot be reached.
    """
    if settings.image is None:
        raise ValueError("KEELSON_COMPONENTS_IMAGE is not set: a cluster runs the steps in it")
    with tempfile.TemporaryDirectory(prefix="keelson-train-") as folder:
        configuration = reached(Account(settings.region), prefix(environment), Path(folder))
        access = open_access(configuration, Path(folder))
        command = [sys.executable, "-m", "pipelines.submit", *asked, "--image", settings.image, *access.options()]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise TrainingFailed(done.stdout.strip())
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(
    environment: Annotated[str, typer.Option(help=", ".join(ENVIRONMENTS))],
    reason: Annotated[str, typer.Option(help="why; noted with the run")],
    parameters: Annotated[str, typer.Option(help="inputs of the pipeline: rows=100000 seed=7")] = "",
) -> None:
    """Train."""
    here = MachineSettings()
    try:
        environment_before(environment)
        asked = arguments(reason, parameters)
        if here.folder is not None:
            told = machine(environment, here).client("pipelines.submit", *asked)
        else:
            told = on_cluster(environment, asked, cloud())
    except (AccountError, ClusterGone, ClusterUnreachable, MachineError, TrainingFailed, ValueError) as error:
        sys.exit(f"train: {error}")
    said = "; ".join((told.get("verdict") or {}).get("reasons") or ())
    outputs.give({"run_id": told["run_id"], "model_version": told.get("model_version") or "", "verdict": said})


if __name__ == "__main__":
    typer.run(main)
