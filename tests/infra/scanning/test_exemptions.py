"""Each exemption names an object, a rule and a reason, and excuses something."""

import pytest

from infra.scanning import exemptions
from infra.scanning.exemptions import Exemption
from infra.scanning.findings import Finding
from infra.scanning.objects import KubernetesObject

FILE = "kubernetes/serving/Deployment-web.yaml"
REFERENCE = "Deployment/serving/web"
REASON = "measured: it takes what the node has"
WRITTEN = {
    "kube-score/ignore": "container-resources,pod-probes",
    "exception.keelson/container-resources": REASON,
    "exception.keelson/pod-probes": REASON,
    "checkov.io/skip1": f"CKV_K8S_13={REASON}",
    "exception.keelson/CKV_K8S_13": REASON,
}
RULES = {"kube-score/container-resources", "kube-score/pod-probes", "checkov/CKV_K8S_13"}


def an_object(**annotations: str) -> KubernetesObject:
    metadata = {"name": "web", "namespace": "serving", "annotations": annotations}
    return KubernetesObject(manifest={"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}, file=FILE)


def a_finding(scanner: str = "kube-score", rule: str = "container-resources", reference: str = REFERENCE) -> Finding:
    return Finding(file=FILE, reference=reference, scanner=scanner, rule=rule, message="no limit")


def a_row(rule: str = "kube-score/container-resources", reference: str = REFERENCE) -> Exemption:
    return Exemption(reference=reference, rule=rule, reason=REASON)


FINDINGS = [a_finding(*rule.split("/")) for rule in sorted(RULES)]


def left(one: KubernetesObject, findings: list[Finding], *table: Exemption) -> list[Finding]:
    return exemptions.applied([one], findings, table)


def test_annotations_are_read_with_their_reasons() -> None:
    rows, faults = exemptions.annotated([an_object(**WRITTEN)])
    assert {(row.reference, row.rule, row.reason) for row in rows} == {(REFERENCE, rule, REASON) for rule in RULES}
    assert faults == []


def test_an_annotation_excuses_what_it_names() -> None:
    assert left(an_object(**WRITTEN), FINDINGS) == []


def test_an_annotation_without_a_reason_is_a_fault_and_excuses_nothing() -> None:
    bare = {key: value for key, value in WRITTEN.items() if not key.startswith("exception.keelson/")}
    found = left(an_object(**bare), FINDINGS)
    assert {one.rule for one in found if one.scanner == "exemptions"} == RULES
    assert [one for one in found if one.scanner != "exemptions"] == FINDINGS


def test_an_annotation_that_excuses_nothing_is_a_fault() -> None:
    found = left(an_object(**WRITTEN), FINDINGS[1:])
    assert [(one.file, one.scanner, one.rule) for one in found] == [(FILE, "exemptions", "checkov/CKV_K8S_13")]


@pytest.mark.parametrize("reference", [REFERENCE, "Deployment/serving/*", "*/web"])
def test_a_row_excuses_its_objects_and_rule_alone(reference: str) -> None:
    others = [a_finding(scanner="checkov"), a_finding(rule="pod-probes"), a_finding(reference="Job/training/web2")]
    assert left(an_object(), [a_finding(), *others], a_row(reference=reference)) == others


def test_a_row_that_excuses_nothing_anywhere_is_a_fault() -> None:
    (fault,) = exemptions.unused([a_finding(rule="pod-probes")], (a_row(), a_row(rule="kube-score/pod-probes")))
    assert (fault.file, fault.rule) == ("infra/scanning/exemptions.py", "kube-score/container-resources")
