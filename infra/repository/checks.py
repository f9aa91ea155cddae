"""Names of the checks that a pull request must pass: the jobs of the workflow ``ci``, as GitHub shows them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class ChecksError(ValueError):
    """The workflow is not there, or the names of its checks cannot be told from it."""


def required_checks(workflow: Path) -> tuple[str, ...]:
    """What each job of the workflow is called on a pull request.

    Raises:
        ChecksError: There is no such file or job, or a name is known only when it runs.
    """
    if not workflow.is_file():
        raise ChecksError(f"There is no {workflow.name}: without it a pull request would need to pass nothing.")
    jobs: Mapping[str, Any] = yaml.safe_load(workflow.read_text()).get("jobs") or {}
    if not jobs:
        raise ChecksError(f"{workflow.name} has no jobs: without one a pull request would need to pass nothing.")
    return tuple(_name(workflow.name, key, job) for key, job in jobs.items())


def _name(file: str, key: str, job: Mapping[str, Any]) -> str:
    name = job.get("name", key)
    # GitHub takes a check by its name: a job of a matrix has several, and a called workflow's jobs have longer ones.
    if "strategy" in job or "uses" in job or "${{" in name:
        raise ChecksError(f"{file}: the name of job '{key}' is known only when it runs; give it one name.")
    return name
