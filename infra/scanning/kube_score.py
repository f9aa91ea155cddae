"""kube-score: probes, resources, disruption budgets, security contexts, network policies."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.scanning.findings import Finding, ScanError
from infra.scanning.objects import KubernetesObject, as_known
from infra.tools import cache
from infra.tools.catalogue import load
from infra.tools.find import Missing, Search, obtain, search_path
from infra.tools.install import CLONE, how_to_get, is_offline
from infra.tools.release import Downloads

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
    search = Search(search_path(os.environ.get("PATH", ""), CLONE), cache.locate(dict(os.environ)))
    (tool,) = (one for one in load(group="checks").tools if one.name == "kube-score")
    found = obtain(tool, search, {}, Downloads(offline=is_offline()), lambda line: print(line, file=sys.stderr))
    if isinstance(found, Missing):
        raise ScanError(f"kube-score is missing ({'; '.join(found.reasons)}). {how_to_get(tool)}")
    return found.programs[tool.name]


def _told(comment: dict[str, str]) -> str:
    where = f"{comment['path']}: " if comment.get("path") else ""
    return f"{where}{comment['summary']}"
