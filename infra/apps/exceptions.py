"""Linters' checks that a workload cannot pass, each with its reason, which stands on the object that it excuses."""

from collections.abc import Mapping

# Exceptions of every workload.
ALWAYS = {
    "checkov/CKV_K8S_43": "infra/versions.toml names a release of each image; tags of the stack's registry never move"
}
ONE_COPY = {"kube-score/deployment-replicas": "the stack has one copy of each service"}
OWNS_VOLUME = {
    "kube-score/deployment-replicas": "one process owns the volume",
    "kube-score/deployment-strategy": "the old process must let go of the volume before the new one takes it",
}
ONE_AT_A_TIME = {
    "kube-score/deployment-replicas": "one process does the work, and a second one would wait for it",
    "kube-score/deployment-strategy": "the old process must end before the new one starts",
}
SECRET_VARIABLE = {"checkov/CKV_K8S_35": "the program reads the address of its database from a variable only"}


def annotations(exceptions: Mapping[str, str]) -> dict[str, str]:
    """Linters' own annotations, so that each reason stands on the object that it excuses."""
    checks = sorted(exceptions)
    score = [check.removeprefix("kube-score/") for check in checks if check.startswith("kube-score/")]
    made = {"kube-score/ignore": ",".join(score)} if score else {}
    for number, check in enumerate((check for check in checks if check.startswith("checkov/")), start=1):
        made[f"checkov.io/skip{number}"] = f"{check.removeprefix('checkov/')}={exceptions[check]}"
    return made | {f"exception.keelson/{check.partition('/')[2]}": exceptions[check] for check in checks}
