"""Who may talk to whom on the cluster: one table, which network policies and the drawing in the docs are made from.

Everything that is not in the table is refused, inside a namespace as well as between namespaces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from infra.settings import cloud
from infra.settings.cloud import CloudSettings

Condition = Literal["always", "mysql on RDS", "mysql in the cluster", "sign-in", "alert webhook"]


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Pods of one namespace: all of them, or those with ``labels``.

    Attributes:
        namespace: Name of the namespace; empty for all that the cluster has, those of others too.
        name: What the drawing calls them.
    """

    namespace: str
    name: str = "all pods"
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Addresses outside the pods of the table.

    Attributes:
        name: What the drawing calls them.
        blocks: Address blocks; ``VPC`` stands for the stack's own.
        without: Blocks left out of them.
    """

    name: str
    blocks: tuple[str, ...]
    without: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Opening:
    """``source`` may open connections to ``target``.

    Attributes:
        ports: Ports of the target's pods; none means all.
        why: What for, in a few words.
        when: In which stacks it is there.
    """

    source: Pods | Addresses
    target: Pods | Addresses
    ports: tuple[int, ...]
    why: str
    protocols: tuple[str, ...] = ("TCP",)
    when: Condition = "always"


# EKS' own namespace: the program opens and closes it, and does not make it.
SYSTEM = "kube-system"
VPC = "<vpc>"
SERVICES = str(cloud.SERVICES)
_LINK_LOCAL = "169.254.0.0/16"


def application(namespace: str, name: str) -> Pods:
    """Pods labelled as the application ``name``."""
    return Pods(namespace=namespace, name=name, labels={"app.kubernetes.io/name": name})


def everything(namespace: str) -> Pods:
    """All pods of the namespace."""
    return Pods(namespace=namespace)


def _kubeflow(name: str) -> Pods:
    return Pods(namespace="kubeflow", name=name, labels={"app": name})


EVERY_POD = Pods(namespace="", name="every pod")
_DNS = Pods(namespace=SYSTEM, name="dns", labels={"k8s-app": "kube-dns"})
KUBERNETES = Addresses(name="Kubernetes API", blocks=(VPC, SERVICES))
# The API server calls webhooks, and passes on what `services/proxy` is asked for, from addresses in the VPC.
_FROM_KUBERNETES = Addresses(name="Kubernetes API", blocks=(VPC,))
POD_IDENTITY = Addresses(name="Pod Identity agent", blocks=("169.254.170.23/32",))
AWS = Addresses(name="AWS APIs", blocks=("0.0.0.0/0",), without=(_LINK_LOCAL, SERVICES))
_ISSUER = Addresses(name="OpenID Connect issuer", blocks=("0.0.0.0/0",), without=(_LINK_LOCAL, SERVICES, VPC))
_WEBHOOK = Addresses(name="alert webhook", blocks=("0.0.0.0/0",), without=(_LINK_LOCAL, SERVICES, VPC))
RDS = Addresses(name="RDS", blocks=(VPC,))
_NODES = Addresses(name="nodes", blocks=(VPC,))
_RESOLVER = Addresses(name="resolver of the VPC", blocks=(VPC,))
_LOAD_BALANCER = Addresses(name="load balancer", blocks=(VPC,))

MLFLOW = application("mlflow", "mlflow")
MLFLOW_SCHEMA = application("mlflow", "mlflow-schema")
FEAST = application("feast", "feast")
FEAST_REGISTRY = application("feast", "feast-registry")
FEAST_MATERIALISATION = application("feast", "feast-materialisation")
SERVING = application("serving", "serving")
EVIDENTLY = application("monitoring", "evidently")
MONITOR = application("monitoring", "monitor")
GRAFANA = application("monitoring", "grafana")
PROMETHEUS = application("monitoring", "prometheus")
ALERTMANAGER = application("monitoring", "alertmanager")
LOKI = application("monitoring", "loki")
LOG_COLLECTOR = application("logging", "log-collector")
BOOTSTRAP = application("database", "database-bootstrap")
MYSQL = application("database", "mysql")
SIGN_IN = Pods(namespace="ingress", name="sign-in", labels={"app.kubernetes.io/component": "sign-in"})
PIPELINE_API = _kubeflow("ml-pipeline")
PIPELINE_PAGE = _kubeflow("ml-pipeline-ui")
PIPELINE_STEPS = everything("kubeflow")
EXTERNAL_SECRETS = application("external-secrets", "external-secrets")
KARPENTER = application(SYSTEM, "karpenter")
BALANCERS = application(SYSTEM, "aws-load-balancer-controller")
METRICS_SERVER = application(SYSTEM, "metrics-server")
DISKS = Pods(namespace=SYSTEM, name="disks", labels={"app": "ebs-csi-controller"})

_AWS_USERS: tuple[tuple[Pods, str], ...] = (
    (PIPELINE_STEPS, "tables, artifacts and models in S3"),
    (MLFLOW, "artifacts in S3"),
    (FEAST_MATERIALISATION, "tables in S3"),
    (SERVING, "tables of the log in S3"),
    (MONITOR, "log of predictions and trips in S3"),
    (LOKI, "logs in S3"),
    (BOOTSTRAP, "secrets in Secrets Manager"),
    (EXTERNAL_SECRETS, "secrets in Secrets Manager"),
    (KARPENTER, "machines of EC2"),
    (BALANCERS, "load balancers"),
    (DISKS, "disks of EC2"),
)
_KUBERNETES_USERS: tuple[tuple[str, str], ...] = (
    ("kubeflow", "workflows and their pods"),
    ("monitoring", "what there is to scrape"),
    ("external-secrets", "ExternalSecrets and Secrets"),
    ("cert-manager", "certificates"),
    ("argo-rollouts", "roll-outs"),
    ("kuberay", "Ray clusters"),
    ("nvidia", "labels of GPU nodes"),
    (SYSTEM, "names, nodes, disks and balancers"),
)

OPENINGS: tuple[Opening, ...] = (
    Opening(source=EVERY_POD, target=_DNS, ports=(53,), protocols=("UDP", "TCP"), why="names"),
    # Pods that are on the host's network ask from the node's address.
    Opening(source=_NODES, target=_DNS, ports=(53,), protocols=("UDP", "TCP"), why="names"),
    Opening(source=_DNS, target=_RESOLVER, ports=(53,), protocols=("UDP", "TCP"), why="names outside the cluster"),
    *(Opening(source=everything(name), target=KUBERNETES, ports=(443,), why=why) for name, why in _KUBERNETES_USERS),
    *(Opening(source=pods, target=POD_IDENTITY, ports=(80,), why="AWS credentials") for pods, _ in _AWS_USERS),
    *(Opening(source=pods, target=AWS, ports=(443,), why=why) for pods, why in _AWS_USERS),
    # Databases
    Opening(source=MLFLOW, target=RDS, ports=(5432,), why="runs and models"),
    Opening(source=MLFLOW_SCHEMA, target=RDS, ports=(5432,), why="moves the schema"),
    Opening(source=FEAST, target=RDS, ports=(5432,), why="registry and online store"),
    Opening(source=FEAST_REGISTRY, target=RDS, ports=(5432,), why="applies the definitions"),
    Opening(source=FEAST_MATERIALISATION, target=RDS, ports=(5432,), why="fills the online store"),
    Opening(source=SERVING, target=RDS, ports=(5432,), why="the lock of the log's tables"),
    Opening(source=MONITOR, target=RDS, ports=(5432,), why="what it knows and did, and locks"),
    Opening(source=PIPELINE_STEPS, target=RDS, ports=(5432,), why="steps apply and fill the feature store"),
    Opening(source=BOOTSTRAP, target=RDS, ports=(5432,), why="makes databases and users"),
    Opening(source=BOOTSTRAP, target=RDS, ports=(3306,), why="makes databases and users", when="mysql on RDS"),
    Opening(source=PIPELINE_STEPS, target=RDS, ports=(3306,), why="pipelines and metadata", when="mysql on RDS"),
    Opening(
        source=BOOTSTRAP, target=MYSQL, ports=(3306,), why="makes databases and users", when="mysql in the cluster"
    ),
    Opening(
        source=PIPELINE_STEPS, target=MYSQL, ports=(3306,), why="pipelines and metadata", when="mysql in the cluster"
    ),
    # Between the applications
    Opening(
        source=PIPELINE_STEPS, target=PIPELINE_STEPS, ports=(), why="parts of Kubeflow Pipelines and of Ray clusters"
    ),
    Opening(source=PIPELINE_STEPS, target=MLFLOW, ports=(5000,), why="steps log runs and register models"),
    Opening(source=PIPELINE_STEPS, target=FEAST, ports=(6566,), why="steps check online features"),
    Opening(source=SERVING, target=FEAST, ports=(6566,), why="features of a prediction"),
    Opening(source=everything("argo-rollouts"), target=PROMETHEUS, ports=(9090,), why="judges a roll-out"),
    Opening(source=everything("kuberay"), target=PIPELINE_STEPS, ports=(8265,), why="submits jobs to Ray clusters"),
    # Monitoring
    Opening(
        source=everything("monitoring"), target=everything("monitoring"), ports=(), why="Prometheus, Grafana, alerts"
    ),
    Opening(source=ALERTMANAGER, target=_WEBHOOK, ports=(443,), why="tells of alerts", when="alert webhook"),
    Opening(source=PROMETHEUS, target=_NODES, ports=(9100, 10249, 10250), why="metrics of nodes and their pods"),
    Opening(source=PROMETHEUS, target=_DNS, ports=(9153,), why="metrics"),
    Opening(source=PROMETHEUS, target=KARPENTER, ports=(8080,), why="metrics"),
    Opening(source=METRICS_SERVER, target=_NODES, ports=(10250,), why="what pods use, for autoscaling"),
    Opening(source=PROMETHEUS, target=MLFLOW, ports=(5000,), why="metrics"),
    Opening(source=PROMETHEUS, target=FEAST, ports=(8000,), why="metrics"),
    Opening(source=PROMETHEUS, target=SERVING, ports=(3000,), why="metrics"),
    Opening(source=PROMETHEUS, target=PIPELINE_STEPS, ports=(8888, 9090), why="metrics"),
    Opening(source=PROMETHEUS, target=everything("argo-rollouts"), ports=(8090,), why="metrics"),
    Opening(source=PROMETHEUS, target=everything("external-secrets"), ports=(8080,), why="metrics"),
    Opening(source=PROMETHEUS, target=everything("cert-manager"), ports=(9402,), why="metrics"),
    Opening(source=PROMETHEUS, target=everything("kuberay"), ports=(8080,), why="metrics"),
    Opening(source=PROMETHEUS, target=everything("nvidia"), ports=(9400,), why="metrics"),
    Opening(source=PROMETHEUS, target=LOG_COLLECTOR, ports=(8888,), why="metrics"),
    Opening(source=LOG_COLLECTOR, target=LOKI, ports=(3100,), why="lines of a node's pods"),
    Opening(source=MONITOR, target=MLFLOW, ports=(5000,), why="which model is champion"),
    Opening(source=MONITOR, target=PIPELINE_API, ports=(8888,), why="starts a training run"),
    # From the Kubernetes API
    Opening(source=_FROM_KUBERNETES, target=PIPELINE_API, ports=(8888,), why="runs submitted through `services/proxy`"),
    Opening(source=_FROM_KUBERNETES, target=LOKI, ports=(3100,), why="logs searched through `services/proxy`"),
    Opening(
        source=_FROM_KUBERNETES, target=SERVING, ports=(3000,), why="predictions asked for through `services/proxy`"
    ),
    Opening(
        source=_FROM_KUBERNETES,
        target=Pods(
            namespace="monitoring",
            name="prometheus-operator",
            labels={"app": "kube-prometheus-stack-operator"},
        ),
        ports=(10250,),
        why="webhook",
    ),
    Opening(
        source=_FROM_KUBERNETES,
        target=application("external-secrets", "external-secrets-webhook"),
        ports=(10250,),
        why="webhook",
    ),
    Opening(source=_FROM_KUBERNETES, target=application("cert-manager", "webhook"), ports=(10250,), why="webhook"),
    Opening(source=_FROM_KUBERNETES, target=BALANCERS, ports=(9443,), why="webhook"),
    Opening(source=_FROM_KUBERNETES, target=METRICS_SERVER, ports=(10251,), why="what pods use, for autoscaling"),
    # Pages
    Opening(source=_LOAD_BALANCER, target=SIGN_IN, ports=(4180,), why="pages", when="sign-in"),
    Opening(source=SIGN_IN, target=_ISSUER, ports=(443,), why="who somebody is", when="sign-in"),
    Opening(source=SIGN_IN, target=MLFLOW, ports=(5000,), why="page", when="sign-in"),
    Opening(source=SIGN_IN, target=PIPELINE_PAGE, ports=(3000,), why="page", when="sign-in"),
    Opening(source=SIGN_IN, target=GRAFANA, ports=(3000,), why="page", when="sign-in"),
    Opening(source=SIGN_IN, target=FEAST, ports=(8888,), why="page", when="sign-in"),
    Opening(source=SIGN_IN, target=EVIDENTLY, ports=(8000,), why="page", when="sign-in"),
)


def of_stack(settings: CloudSettings) -> tuple[Opening, ...]:
    """The openings that a stack has."""
    there: dict[Condition, bool] = {
        "always": True,
        "mysql on RDS": settings.database.mysql == "rds",
        "mysql in the cluster": settings.database.mysql == "in-cluster",
        "sign-in": settings.sign_in is not None,
        "alert webhook": settings.alert_webhook,
    }
    return tuple(opening for opening in OPENINGS if there[opening.when])


def drawing(openings: Sequence[Opening] = OPENINGS) -> str:
    """The openings as a Mermaid flowchart, without that of every pod, for names."""
    shown = [opening for opening in openings if opening.source is not EVERY_POD]
    ends = {_key(end): end for opening in shown for end in (opening.source, opening.target)}
    lines = ["flowchart LR"]
    for namespace in sorted({end.namespace for end in ends.values() if isinstance(end, Pods)}):
        lines.append(f'  subgraph {namespace}["{namespace}"]')
        inside = {key: end for key, end in ends.items() if isinstance(end, Pods) and end.namespace == namespace}
        lines += [f'    {key}["{end.name}"]' for key, end in sorted(inside.items())]
        lines.append("  end")
    lines += [f'  {key}(["{end.name}"])' for key, end in sorted(ends.items()) if isinstance(end, Addresses)]
    lines += sorted({_arrow(opening) for opening in shown})
    return "\n".join(lines)


def table(openings: Sequence[Opening] = OPENINGS) -> str:
    """The openings as a Markdown table."""
    rows = ["| from | to | port | why | where |", "|---|---|---|---|---|"]
    for opening in openings:
        ports = ", ".join(map(str, opening.ports)) or "all"
        ends = f"{_title(opening.source)} | {_title(opening.target)}"
        rows.append(f"| {ends} | {ports} | {opening.why} | {opening.when} |")
    return "\n".join(rows)


def _title(end: Pods | Addresses) -> str:
    return f"{end.namespace}: {end.name}" if isinstance(end, Pods) and end.namespace else end.name


def _key(end: Pods | Addresses) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in _title(end))


def _arrow(opening: Opening) -> str:
    ports = " ".join(map(str, opening.ports)) or "all"
    line = "-->" if opening.when == "always" else "-.->"
    return f'  {_key(opening.source)} {line}|"{ports}"| {_key(opening.target)}'
