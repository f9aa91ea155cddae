"""What each role of people, and CI, may do on the cluster: one table, from which RBAC and the docs' page are made.

A person has a role by being in the group ``keelson:<role>``, which EKS access entries give to IAM principals.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core, meta, rbac

CI = "ci"
SUBMITTER = "pipeline-submitter"
_PIPELINES = "kubeflow"
_READ = ("get", "list", "watch")
_WRITE = (*_READ, "create", "update", "patch", "delete")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Verbs on resources of API groups; ``names`` narrows them to single objects."""

    resources: tuple[str, ...]
    verbs: tuple[str, ...] = _READ
    groups: tuple[str, ...] = ("",)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What a role may do in some namespaces, and what for.

    Attributes:
        namespaces: Names; none means the whole cluster.
    """

    why: str
    rules: tuple[Rule, ...]
    namespaces: tuple[str, ...] = ()


# Secrets are in none of these, and neither is a shell in a pod, which could read them.
_LOOK = (
    Rule(
        resources=("pods", "pods/log", "services", "configmaps", "events", "persistentvolumeclaims", "resourcequotas")
    ),
    Rule(groups=("apps",), resources=("deployments", "statefulsets", "daemonsets", "replicasets")),
    Rule(groups=("batch",), resources=("jobs", "cronjobs")),
    Rule(groups=("autoscaling",), resources=("horizontalpodautoscalers",)),
    Rule(groups=("metrics.k8s.io",), resources=("pods",), verbs=("get", "list")),
)
_RUNS = (Rule(groups=("argoproj.io",), resources=("workflows",)),)
_FORWARD = (Rule(resources=("pods/portforward",), verbs=("create",)),)
_PIPELINE_API = (
    # The names under which clients of Kubeflow Pipelines and `kubectl` ask for the API through the API server.
    Rule(
        resources=("services/proxy",),
        verbs=("get", "create", "update", "patch", "delete"),
        names=("ml-pipeline", "ml-pipeline:http", "ml-pipeline:8888", "http:ml-pipeline:8888"),
    ),
)
_SEARCH_LOGS = Permission(
    why="searches the logs of all pods",
    namespaces=("monitoring",),
    rules=(Rule(resources=("services/proxy",), verbs=("get",), names=("loki:3100",)),),
)
_ROLLOUTS = (
    # Argo Rollouts' plugin shows nothing, and does not end, where it may not see experiments, though there are none.
    Rule(groups=("argoproj.io",), resources=("rollouts", "analysisruns", "analysistemplates", "experiments")),
    Rule(groups=("argoproj.io",), resources=("rollouts", "rollouts/status"), verbs=("get", "patch", "update")),
)
_RAY = (Rule(groups=("ray.io",), resources=("rayclusters", "rayjobs", "rayservices"), verbs=_WRITE),)
_RERUN = (
    Rule(groups=("batch",), resources=("jobs",), verbs=("create", "delete")),
    Rule(groups=("batch",), resources=("cronjobs",), verbs=("get", "patch")),
)
# Where steps of pipelines are, with Kubeflow Pipelines and without it. Who makes Jobs there can mount what they mount:
# people only look.
_STEPS = (_PIPELINES, "pipelines")
_PAGES = ("mlflow", "feast", "kubeflow", "monitoring")

ROLES: Mapping[str, tuple[Permission, ...]] = {
    "data-scientist": (
        Permission(why="sees own runs and their logs", namespaces=_STEPS, rules=_LOOK + _RUNS),
        Permission(why="starts and stops runs", namespaces=("kubeflow",), rules=_PIPELINE_API),
        Permission(why="opens pages and tracks experiments from a notebook", namespaces=_PAGES, rules=_FORWARD),
        Permission(why="finds the pods behind pages", namespaces=("mlflow", "feast", "monitoring"), rules=_LOOK),
        _SEARCH_LOGS,
    ),
    "ml-engineer": (
        Permission(
            why="sees runs, features, tracking and the deployed bundle",
            namespaces=(*_STEPS, "mlflow", "feast", "serving", "monitoring"),
            rules=_LOOK + _FORWARD,
        ),
        Permission(
            why="starts and stops runs, and Ray clusters", namespaces=("kubeflow",), rules=_RUNS + _PIPELINE_API + _RAY
        ),
        Permission(why="promotes or aborts the roll-out of a bundle", namespaces=("serving",), rules=_ROLLOUTS),
        _SEARCH_LOGS,
    ),
    "data-engineer": (
        Permission(
            why="sees runs, features and databases' jobs", namespaces=(*_STEPS, "feast", "database"), rules=_LOOK
        ),
        Permission(why="sees runs", namespaces=("kubeflow",), rules=_RUNS),
        Permission(why="starts and stops runs", namespaces=("kubeflow",), rules=_PIPELINE_API),
        Permission(why="repeats materialisation", namespaces=("feast",), rules=_RERUN),
        Permission(why="opens pages", namespaces=("kubeflow", "feast", "monitoring"), rules=_FORWARD),
        Permission(why="finds the pods behind pages", namespaces=("monitoring",), rules=_LOOK),
        _SEARCH_LOGS,
    ),
    "platform-engineer": (
        Permission(
            why="looks after the cluster; what Pulumi owns is changed by Pulumi",
            rules=(
                *_LOOK,
                Rule(resources=("nodes", "namespaces", "persistentvolumes", "limitranges", "serviceaccounts")),
                Rule(groups=("networking.k8s.io",), resources=("networkpolicies", "ingresses")),
                Rule(groups=("policy",), resources=("poddisruptionbudgets",)),
                Rule(groups=("rbac.authorization.k8s.io",), resources=("roles", "rolebindings", "clusterroles")),
                Rule(groups=("karpenter.sh",), resources=("nodepools", "nodeclaims")),
                Rule(groups=("external-secrets.io",), resources=("externalsecrets", "clustersecretstores")),
                Rule(groups=("metrics.k8s.io",), resources=("nodes",), verbs=("get", "list")),
            ),
        ),
        Permission(
            why="restarts, scales and drains",
            rules=(
                Rule(resources=("pods",), verbs=("delete",)),
                Rule(resources=("pods/eviction", "pods/portforward"), verbs=("create",)),
                Rule(resources=("nodes",), verbs=("patch",)),
                Rule(groups=("apps",), resources=("deployments", "statefulsets"), verbs=("patch",)),
                Rule(
                    groups=("apps",), resources=("deployments/scale", "statefulsets/scale"), verbs=("patch", "update")
                ),
                *_RERUN,
            ),
        ),
        _SEARCH_LOGS,
    ),
    "reviewer": (
        Permission(
            why="sees what runs, before and after approving a change",
            namespaces=(*_STEPS, "mlflow", "feast", "serving", "monitoring"),
            rules=_LOOK + _RUNS,
        ),
    ),
    CI: (
        Permission(
            why="gets a short-lived token of the account that submits runs",
            namespaces=("kubeflow",),
            rules=(Rule(resources=("serviceaccounts/token",), verbs=("create",), names=(SUBMITTER,)),),
        ),
    ),
}


def group(role: str) -> str:
    """Kubernetes group of a role."""
    return f"keelson:{role}"


def table() -> str:
    """The roles as a Markdown table."""
    rows = ["| role | where | what for | verbs on resources |", "|---|---|---|---|"]
    for role, permissions in ROLES.items():
        for permission in permissions:
            where = ", ".join(permission.namespaces) or "every namespace"
            rules = "; ".join(_sentence(rule) for rule in permission.rules)
            rows.append(f"| {role} | {where} | {permission.why} | {rules} |")
    return "\n".join(rows)


def _sentence(rule: Rule) -> str:
    names = f" ({', '.join(rule.names)})" if rule.names else ""
    return f"{' '.join(rule.verbs)}: {', '.join(rule.resources)}{names}"


def rules_by_namespace(permissions: Sequence[Permission]) -> dict[str, list[Rule]]:
    """All rules of a role for each namespace; those of the whole cluster are under the empty name."""
    made: dict[str, list[Rule]] = {}
    for permission in permissions:
        for namespace in permission.namespaces or ("",):
            rules = made.setdefault(namespace, [])
            rules += [rule for rule in permission.rules if rule not in rules]
    return made


class Roles(pulumi.ComponentResource):
    """Kubernetes roles of ``ROLES`` in the namespaces that there are, bound to their groups, and the account that CI
    submits pipeline runs by."""

    def __init__(self, name: str, namespaces: Collection[str], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keelson:apps:Roles", name, None, opts)
        for role, permissions in ROLES.items():
            for namespace, rules in rules_by_namespace(permissions).items():
                if not namespace or namespace in namespaces:
                    self._bind(name, role, namespace, rules, _group_subject(role))
        if _PIPELINES in namespaces:
            self._submitter(name)
        self.register_outputs({})

    def _submitter(self, name: str) -> None:
        metadata = meta.v1.ObjectMetaArgs(name=SUBMITTER, namespace=_PIPELINES)
        core.v1.ServiceAccount(
            f"{name}-{SUBMITTER}",
            metadata=metadata,
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        subject = rbac.v1.SubjectArgs(kind="ServiceAccount", name=SUBMITTER, namespace=_PIPELINES)
        self._bind(name, SUBMITTER, _PIPELINES, list(_PIPELINE_API), subject)

    def _bind(self, name: str, role: str, namespace: str, rules: Sequence[Rule], subject: rbac.v1.SubjectArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        title, logical = f"keelson-{role}", f"{name}-{role}-{namespace or 'cluster'}"
        written = [_policy_rule(rule) for rule in rules]
        if not namespace:
            metadata = meta.v1.ObjectMetaArgs(name=title)
            made = rbac.v1.ClusterRole(logical, metadata=metadata, rules=written, opts=child)
            reference = rbac.v1.RoleRefArgs(api_group=_API, kind="ClusterRole", name=made.metadata.name)
            rbac.v1.ClusterRoleBinding(
                f"{logical}-binding", metadata=metadata, role_ref=reference, subjects=[subject], opts=child
            )
            return
        metadata = meta.v1.ObjectMetaArgs(name=title, namespace=namespace)
        made = rbac.v1.Role(logical, metadata=metadata, rules=written, opts=child)
        reference = rbac.v1.RoleRefArgs(api_group=_API, kind="Role", name=made.metadata.name)
        rbac.v1.RoleBinding(f"{logical}-binding", metadata=metadata, role_ref=reference, subjects=[subject], opts=child)


_API = "rbac.authorization.k8s.io"


def _group_subject(role: str) -> rbac.v1.SubjectArgs:
    return rbac.v1.SubjectArgs(kind="Group", api_group=_API, name=group(role))


def _policy_rule(rule: Rule) -> rbac.v1.PolicyRuleArgs:
    return rbac.v1.PolicyRuleArgs(
        api_groups=list(rule.groups),
        resources=list(rule.resources),
        verbs=list(rule.verbs),
        resource_names=list(rule.names) or None,
    )
