"""Every version is supported today, fits the others, is pinned exactly, and stands in one file."""

import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.tools.catalogue import load
from infra.versions import FILE, Versions, faults, versions

ROOT = Path(__file__).parents[2]
TODAY = datetime.datetime.now(tz=datetime.UTC).date()
# The day on which the tables of the file were read: what was true then stays so.
READ = versions().support.dated
# Kustomize has no variables; the test below holds its files to the versions file.
SECOND_PLACES = {("kubeflow", "kustomization.yaml")}


def changed(change: Callable[[dict[str, Any]], Any]) -> Versions:
    """The repository's versions with one change."""
    whole = versions().model_dump()
    change(whole)
    return Versions.model_validate(whole)


def test_todays_versions_are_supported_fit_each_other_and_are_pinned() -> None:
    assert faults(versions(), TODAY) == []


@pytest.mark.parametrize(("kind", "name"), [("kubernetes", "Kubernetes"), ("postgres", "Postgres"), ("mysql", "MySQL")])
def test_a_version_is_refused_from_the_day_after_its_support_ends(kind: str, name: str) -> None:
    used = {"kubernetes": versions().kubernetes.version, **versions().databases.model_dump()}[kind]
    end = versions().support.ends(kind, used)
    others = {fault for fault in faults(versions(), end) if f"{kind} {used}" in fault}
    assert others == set()
    assert f"Support of {kind} {used} ended on {end}" in "\n".join(faults(versions(), end + datetime.timedelta(days=1)))


def test_a_version_without_a_known_end_of_support_is_refused() -> None:
    (fault,) = faults(changed(lambda all_: all_["databases"].update(postgres="99")), READ)
    assert fault.startswith(
        "postgres 99 is not in [support.postgres] of infra/versions.toml; it has ['16', '17', '18']"
    )


@pytest.mark.parametrize(
    ("kubernetes", "oldest", "too_old"),
    [
        ("1.34", "1.6.0", "1.5.9"),
        ("1.35", "1.9.0", "1.8.12"),
        ("1.36", "1.13.0", "1.12.3"),
        ("1.36", "1.13.0", "1.9.5"),
    ],
)
def test_karpenter_must_know_the_kubernetes_that_it_runs_on(kubernetes: str, oldest: str, too_old: str) -> None:
    def moved(karpenter: str) -> Versions:
        def change(whole: dict[str, Any]) -> None:
            whole["kubernetes"]["version"] = kubernetes
            for chart in ("karpenter", "karpenter-crd"):
                whole["charts"][chart]["version"] = karpenter

        return changed(change)

    assert faults(moved(oldest), READ) == []
    assert faults(moved(too_old), READ) == [
        f"Karpenter {too_old} does not know Kubernetes {kubernetes}: it takes {oldest.removesuffix('.0')} or newer."
    ]


def test_a_kubernetes_that_no_karpenter_is_known_for_is_refused() -> None:
    def change(whole: dict[str, Any]) -> None:
        del whole["karpenter_for"][versions().kubernetes.version]

    (fault,) = faults(changed(change), READ)
    assert "which Karpenter knows Kubernetes" in fault


def test_karpenter_and_its_definitions_move_together() -> None:
    (fault,) = faults(changed(lambda all_: all_["charts"]["karpenter-crd"].update(version="1.99.0")), READ)
    assert fault.startswith("karpenter-crd 1.99.0 is not karpenter ")


@pytest.mark.parametrize("loose", ["latest", "1", "1.2", "^1.2.3", ">=1.2.3", "1.2.x", "1.2.3 - 2.0.0", "*", ""])
def test_a_chart_must_be_pinned_to_one_version(loose: str) -> None:
    (fault,) = faults(changed(lambda all_: all_["charts"]["cert-manager"].update(version=loose)), READ)
    assert fault == f"chart cert-manager is pinned to {loose!r}, which is no single version."


@pytest.mark.parametrize(
    "loose", ["mysql", "mysql:latest", "registry.example.org:5000/mysql", "mysql:", "mysql@sha256:12"]
)
def test_an_image_must_have_a_tag_other_than_latest_or_a_digest(loose: str) -> None:
    (fault,) = faults(changed(lambda all_: all_["images"].update(mysql=loose)), READ)
    assert fault.startswith(f"Image mysql is {loose!r}")


@pytest.mark.parametrize("loose", ["al2023@latest", "al2023", ""])
def test_nodes_start_from_a_dated_image(loose: str) -> None:
    (fault,) = faults(changed(lambda all_: all_["ami"].update(karpenter=loose)), READ)
    assert fault.startswith(f"The nodes' image is {loose!r}")


@given(st.dates(min_value=READ, max_value=datetime.date(2040, 1, 1)))
def test_what_is_refused_on_one_day_is_refused_on_every_later_day(day: datetime.date) -> None:
    later = day + datetime.timedelta(days=1)
    assert set(faults(versions(), day)) <= set(faults(versions(), later))


def pins() -> dict[str, re.Pattern[str]]:
    """For each version that moves, how it would look in another file."""
    chosen = versions()
    exact = {f"chart {name}": chart.version for name, chart in chosen.charts.items()}
    exact |= {"kubernetes": chosen.kubernetes.version, "kubeflow": chosen.kubeflow.version}
    exact |= {"ami": chosen.ami.karpenter.partition("@")[2]}
    found = {name: rf"(?<![\d.]){re.escape(pin.removeprefix('v'))}(?![\d]|\.\d)" for name, pin in exact.items()}
    for engine, version in chosen.databases.model_dump().items():
        found[engine] = rf"(?i){engine}\w*[\"']?[\s:=@-]{{1,3}}[\"']?v?{re.escape(version)}(?!\d|\.\d)"
    return {name: re.compile(pattern) for name, pattern in found.items()}


def other_files() -> list[Path]:
    """Files in which a second copy of a version could stand.

    Locks name the versions of everything that they lock, and infra/tools has a catalogue of its own.
    """
    found = [one for folder in ("infra", ".github") for one in sorted((ROOT / folder).rglob("*")) if one.is_file()]
    return [
        one
        for one in found
        if one != FILE
        and not {"__pycache__", ".venv"} & {*one.parts}
        and ROOT / "infra" / "tools" not in one.parents
        and one.name not in ("uv.lock", "go.sum", "go.mod")
    ]


def test_moving_a_version_is_one_edit() -> None:
    copies = [
        f"{file.relative_to(ROOT)}: {name} ({match[0]})"
        for file in other_files()
        for text in [file.read_text(errors="ignore")]
        for name, pattern in pins().items()
        if (match := pattern.search(text)) and (name, file.name) not in SECOND_PLACES
    ]
    assert "\n".join(copies) == ""


def test_each_kustomization_takes_the_kubeflow_of_the_versions_file() -> None:
    files = [one for one in other_files() if one.name == "kustomization.yaml"]
    given = {ref for one in files for ref in re.findall(r"[?&]ref=([^&\s]+)", one.read_text())}
    assert given == {versions().kubeflow.version}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kubernetes", 'version="{}"'),
        ("chart karpenter", "karpenter:v{}"),
        ("kubeflow", "?ref={}"),
        ("postgres", 'engine: "postgres:{}"'),
        ("postgres", "postgresql={}"),
        ("mysql", "image: mysql:{}"),
    ],
)
def test_a_second_copy_of_a_version_would_be_seen(name: str, text: str) -> None:
    chosen = versions()
    version = {
        "kubernetes": chosen.kubernetes.version,
        "chart karpenter": chosen.charts["karpenter"].version,
        "kubeflow": chosen.kubeflow.version,
        **chosen.databases.model_dump(),
    }[name]
    assert pins()[name].search(text.format(version))
    assert not pins()[name].search(text.format(f"{version}.7")) or name in ("chart karpenter", "kubeflow")


@pytest.mark.parametrize(
    ("chart", "part", "tool"),
    [
        ("argo-rollouts", "controller", "rollouts-controller"),
        ("kube-prometheus-stack", "operator", "prometheus-operator"),
        ("kube-prometheus-stack", "reloader", "prometheus-config-reloader"),
    ],
)
def test_what_the_tests_of_a_cluster_run_is_what_the_chart_installs(chart: str, part: str, tool: str) -> None:
    (built,) = (one for one in load(group="cluster").tools if one.name == tool)
    assert versions().charts[chart].images[part].rpartition(":")[2] == f"v{built.version}"
    assert built.go is not None
    assert f"{built.go.module} v{built.version}\n" in (built.go.folder / "go.mod").read_text()
