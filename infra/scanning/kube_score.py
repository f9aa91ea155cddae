"""kube-score: probes, resources, disruption budgets, security contexts, network policies."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.scanning.findings import Finding, ScanError
from infra.scanning.objects import KubernetesObject, as_known
from infra.tools import program as tools

# kube-score's grades: 1 critical, 5 warning, 7 almost good, 10 good.
_WARNING = 5


def scan(objects: Sequence[KubernetesObject], *, version: str) -> list[Finding]:
    """Score the objects together: a service looks for its pods, a pod for its budget.

    Args:
        version: Kubernetes version, such as ``1.30``.

    Raises:
        ScanError: kube-score cannot be had or fails.
    """
    scored_as = {as_known(one).reference: one for one in objects}
    documents = "\n---\n".join(json.dumps(as_known(one).manifest) for one in objects)
    # Exceptions are counted in infra/scanning/exemptions.py, so that one which excuses nothing is seen.
    command = [str(program()), "score", "--kubernetes-version", f"v{version}", "--output-format", "json"]
    command += ["--disable-ignore-checks-annotations", "-"]
    result = subprocess.run(command, input=documents, capture_output=True, text=True, check=False)
    try:
        scored = json.loads(result.stdout)
    except ValueError:
        raise ScanError(f"kube-score failed with exit status {result.returncode}: {result.stderr.strip()}") from None
    findings: list[Finding] = []
    for entry in scored or []:
        metadata = entry["object_meta"]
        parts = (entry["type_meta"]["kind"], metadata.get("namespace"), metadata["name"])
        one = scored_as["/".join(part for part in parts if part)]
        for check in entry["checks"]:
            if not check["skipped"] and check["grade"] <= _WARNING:
                findings.append(
                    Finding(
                        file=one.file,
                        reference=one.reference,
                        scanner="kube-score",
                        rule=check["check"]["id"],
                        message="; ".join(_told(comment) for comment in check["comments"] or []),
                    )
                )
    return findings


def program() -> Path:
    """kube-score from PATH or the cache, else built.

    Raises:
        ScanError: It can be had in none of these ways.
    """
    try:
        return tools.program("kube-score", group="checks")
    except tools.MissingProgramError as error:
        raise ScanError(str(error)) from None


def _told(comment: dict[str, str]) -> str:
    where = f"{comment['path']}: " if comment.get("path") else ""
    return f"{where}{comment['summary']}"
