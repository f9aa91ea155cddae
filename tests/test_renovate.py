"""Everything that is pinned is looked after: each version in the two tables is found by a manager of Renovate's."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
RENOVATE = json.loads((ROOT / ".github" / "renovate.json").read_text())
CLOUD, TOOLS = "infra/versions.toml", "infra/tools/versions.toml"
# What no registry knows, and why.
OWN = {
    "keelson/components:0.1.0",  # this repository's own
    "promtool",  # moves with prometheus, whose archive holds it
    "prometheus-config-reloader",  # moves with its operator
}
# Old on purpose: the newest release that is a Go module, or as below.
HELD = {
    "custom_resources.external-secrets",
    # They move with the Kubernetes of the stacks, by hand: docs/upgrades.md.
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"),
    # Those of the charts: tests/infra/test_versions.py.
    *("rollouts-controller", "prometheus-operator"),
}

# Renovate's manager of each kind of file that pins something.
MANAGERS = {
    "*pyproject.toml": "pep621",
    "*go.mod": "gomod",
    ".github/workflows/*.yml": "github-actions",
    "*Dockerfile*": "dockerfile",
    "*kustomization.yaml": "kustomize",
    "*package.json": "npm",
    "*Cargo.toml": "cargo",
    "*requirements*.txt": "pip_requirements",
    "*compose.y*ml": "docker-compose",
    "*.tf": "terraform",
}


def in_python(pattern: str) -> str:
    """A regular expression of JavaScript's in Python's spelling."""
    return re.sub(r"\(\?<(?![=!])", "(?P<", pattern).replace("\\k<tool>", "(?P=tool)")


def matches(file: str) -> list[re.Match[str]]:
    """What the custom managers find in a file."""
    text = (ROOT / file).read_text()
    patterns = [
        in_python(pattern)
        for manager in RENOVATE["customManagers"]
        if any(re.search(one.strip("/"), file) for one in manager["managerFilePatterns"])
        for pattern in manager["matchStrings"]
    ]
    return [match for pattern in patterns for match in re.finditer(pattern, text)]


def pinned(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """(place, version or image) of everything in a table that pins something."""
    for key, value in table.items():
        where = f"{path}.{key}".strip(".")
        if isinstance(value, Mapping) and key not in {"support", "karpenter_for", "release", "go"}:
            yield from pinned(value, where)
        elif key == "version" or path.endswith("images") or path == "databases" or where == "ami.karpenter":
            yield where, value


@pytest.mark.parametrize("file", [CLOUD, TOOLS])
def test_each_version_is_found_where_it_stands(file: str) -> None:
    found = {match["currentValue"] for match in matches(file)}
    places = {
        (where, value)
        for where, value in pinned(tomllib.loads((ROOT / file).read_text()))
        if value not in OWN and where.rsplit(".", 1)[0] not in OWN | HELD
    }
    assert len(places) > 8
    missing = {where for where, value in places if re.split(r"[:@]", value)[-1] not in found}
    assert missing == set()
    spans = {match.span("currentValue") for match in matches(file)}
    # A version that stands twice, once found and once not, is not found twice.
    assert len(spans) >= len(places)


def test_each_kind_of_file_that_pins_has_its_manager() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    needed = {manager for file in tracked for pattern, manager in MANAGERS.items() if fnmatch(file, pattern)}
    assert needed | {"custom.regex"} == set(RENOVATE["enabledManagers"])


def test_no_rule_names_a_file_that_is_not_there() -> None:
    files = [str(file.relative_to(ROOT)) for folder in ("infra", "serving") for file in (ROOT / folder).rglob("*.*")]
    named = [pattern for rule in RENOVATE["packageRules"] for pattern in rule.get("matchFileNames", [])]
    assert [one for one in named if not any(fnmatch(file, one) for file in files)] == []


def test_what_does_not_go_back_waits_for_a_person() -> None:
    waiting = {
        name
        for rule in RENOVATE["packageRules"]
        if rule.get("dependencyDashboardApproval")
        for name in rule["matchPackageNames"]
    }
    assert {"amazon-eks", "amazon-rds-postgresql", "amazon-rds-mysql", "kubeflow/pipelines"} <= waiting
