"""Ask for a run where steps are Jobs: the Job that orchestrates it, made of the stack's template, as by
``kubectl create job --from=cronjob/training``."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.driver import new_key
from pipelines.jobs.cluster_api import ClusterApi
from pipelines.jobs.following import follow
from pipelines.jobs.names import TEMPLATE

# Longer than a run may take: its Job ends it.
_WAITING_SECONDS = 7 * 86_400


def start(api: ClusterApi, pipeline: str, arguments: Sequence[str], image: str | None) -> str:
    """Make the Job of a run; returns its name.

    Args:
        api: Of the namespace of runs.
        pipeline: Its name.
        arguments: Of ``pipelines.jobs.orchestrate``.
        image: Another one than the template's.

    Raises:
        SubmissionError: Kubernetes does not let in, or does not take it.
    """
    name = new_key(pipeline)
    api.create(run_job(api.template(TEMPLATE), name, arguments, image))
    return name


def run_job(template: Mapping[str, Any], name: str, arguments: Sequence[str], image: str | None) -> dict[str, Any]:
    """The Job of a run, of the template's making but for what is run.

    Args:
        template: The CronJob.
        name: Of the Job.
        arguments: See ``start``.
        image: See ``start``.
    """
    made = json.loads(json.dumps(template["spec"]["jobTemplate"]))
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container["args"] = list(arguments)
    if image is not None:
        container["image"] = image
    metadata = {"name": name, "namespace": template["metadata"]["namespace"], **_kept(made.get("metadata", {}))}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": made["spec"]}


def _kept(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {part: metadata[part] for part in ("labels", "annotations") if part in metadata}


def outcome(api: ClusterApi, name: str) -> dict[str, Any]:
    """Wait for a run, with its progress on stderr; returns the JSON line that its orchestrator ended with.

    Args:
        api: Of the namespace of runs.
        name: Of its Job.
    """
    answers: list[dict[str, Any]] = []

    def said(line: str) -> None:
        found = _answer(line)
        if found is not None:
            answers.append(found)
        else:
            _print(line)

    ended = follow(api, name, said, lambda reason: _print(f"{name} waits: {reason}"), _WAITING_SECONDS)
    if answers:
        return answers[-1]
    why = ended.said or "its pod ended without an answer"
    return {"run_id": None, "status": "failed", "failed_step": None, "error": f"{name}: {why}"}


def _answer(line: str) -> dict[str, Any] | None:
    if not re.match(r'\{"run_id": ', line):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None


def _print(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
