"""Findings that stay, each with its reason; one that excuses nothing is a fault itself.

An exemption of a workload stands on the object, as the annotation that kube-score and checkov read themselves, with its
reason beside it: ``exception.keelson/<rule>``. What concerns many objects, or objects that are not ours to annotate,
stands in ``EXEMPTIONS``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from infra.scanning.findings import Finding
from infra.scanning.objects import KubernetesObject

_REASON = "exception.keelson/"
_NO_POD = "kube-score/networkpolicy-targets-pod"
_ELSEWHERE = "the pods come from a chart, a kustomization or EKS, whose objects a render does not hold"
_LATER = "the pods come with a setting, a bundle or a sign-in; the walls stand before"


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One exemption.

    Attributes:
        reference: The object, ``Deployment/serving/bundle``; ``*`` stands for any text.
        rule: Scanner and rule, such as ``checkov/CKV_K8S_43``.
        reason: Why the finding stays.
    """

    reference: str
    rule: str
    reason: str

    def excuses(self, finding: Finding) -> bool:
        return self.rule == f"{finding.scanner}/{finding.rule}" and fnmatchcase(finding.reference, self.reference)


EXEMPTIONS: tuple[Exemption, ...] = (
    Exemption(reference="NetworkPolicy/argo-rollouts/*", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/cert-manager/*", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/external-secrets/*", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/kube-system/*", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/kubeflow/*", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/kuberay/*", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/nvidia/*", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/monitoring/allow-prometheus*", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/monitoring/allow-grafana", rule=_NO_POD, reason=_ELSEWHERE),
    Exemption(reference="NetworkPolicy/ingress/*", rule=_NO_POD, reason=_LATER),
    Exemption(reference="NetworkPolicy/serving/*", rule=_NO_POD, reason=_LATER),
)


def annotated(objects: Iterable[KubernetesObject]) -> tuple[list[Exemption], list[Finding]]:
    """The exemptions that stand on the objects themselves, and a finding for each that lacks a reason."""
    rows: list[Exemption] = []
    faults: list[Finding] = []
    for one in objects:
        for rule in _rules(one.annotations):
            reason = one.annotations.get(f"{_REASON}{rule.partition('/')[2]}", "")
            if reason:
                rows.append(Exemption(reference=one.reference, rule=rule, reason=reason))
            else:
                faults.append(_fault(one.file, one.reference, rule, "an exemption without a reason"))
    return rows, faults


def _rules(annotations: Mapping[str, str]) -> list[str]:
    rules = [f"kube-score/{rule.strip()}" for rule in annotations.get("kube-score/ignore", "").split(",") if rule]
    skips = [value for key, value in sorted(annotations.items()) if key.startswith("checkov.io/skip")]
    return [*rules, *(f"checkov/{value.partition('=')[0]}" for value in skips)]


def applied(
    objects: Sequence[KubernetesObject], findings: Sequence[Finding], table: Sequence[Exemption]
) -> list[Finding]:
    """What is left of one render's findings, with a finding for each exemption on an object that excuses nothing."""
    own, faults = annotated(objects)
    left = [one for one in findings if not any(row.excuses(one) for row in (*own, *table))]
    files = {one.reference: one.file for one in objects}
    stale = [_stale(files[row.reference], row) for row in own if not any(map(row.excuses, findings))]
    return [*left, *faults, *stale]


def unused(findings: Sequence[Finding], table: Sequence[Exemption]) -> list[Finding]:
    """A finding for each row of the table that excuses none of the findings of all stacks."""
    return [_stale("infra/scanning/exemptions.py", row) for row in table if not any(map(row.excuses, findings))]


def _stale(file: str, row: Exemption) -> Finding:
    return _fault(file, row.reference, row.rule, "an exemption that excuses nothing: take it out")


def _fault(file: str, reference: str, rule: str, message: str) -> Finding:
    return Finding(file=file, reference=reference, scanner="exemptions", rule=rule, message=message)
