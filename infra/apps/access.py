"""Who may do what in AWS: one table of service accounts, from which every IAM role and the matrix in a render are made.

A row names a Kubernetes service account and what it may do in which bucket prefix, secret or service. Roles are
handed out by EKS Pod Identity; there are no keys.
"""

from dataclasses import dataclass

READ = ("s3:GetObject",)
WRITE = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
DELETE = ("s3:DeleteObject",)


@dataclass(frozen=True, kw_only=True)
class BucketGrant:
    """Objects below ``prefix`` in ``bucket`` (``data``, ``artifacts``, ``models`` or ``logs``); listing of the prefix
    and use of the bucket's key come with it."""

    bucket: str
    prefix: str
    actions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SecretGrant:
    """Secrets by their short names: those of ``Foundation.secrets``, ``postgres-master`` and ``mysql-master``."""

    names: tuple[str, ...]
    actions: tuple[str, ...] = ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret")


@dataclass(frozen=True, kw_only=True)
class Access:
    """One service account's rights.

    Attributes:
        why: What the workload does with them, in one sentence; it stands in the matrix.
        images: Short names of image repositories in which it looks tags up.
    """

    namespace: str
    service_account: str
    why: str
    buckets: tuple[BucketGrant, ...] = ()
    secrets: tuple[SecretGrant, ...] = ()
    images: tuple[str, ...] = ()


_PIPELINE_BUCKETS = (
    BucketGrant(bucket="artifacts", prefix="pipelines/", actions=WRITE),
    BucketGrant(bucket="artifacts", prefix="mlflow/", actions=WRITE),
    BucketGrant(bucket="data", prefix="", actions=(*WRITE, *DELETE)),
    BucketGrant(bucket="models", prefix="", actions=WRITE),
)
# The tables of the log (monitoring/retention.py).
LOG_TABLES = tuple(f"tables/{name}/" for name in ("prediction_log", "outcome_log", "rejected_log"))
_WRITE_SECRET = ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue")
# Those that the database bootstrap fills.
BOOTSTRAPPED_SECRETS = (
    "mlflow-database",
    "feast-database",
    "pipelines-database",
    "log-lock-database",
    "kubeflow-database",
    "grafana",
    "sign-in",
)
# All of the applications'; a person fills the last one.
SECRETS = (*BOOTSTRAPPED_SECRETS, "alert-webhook")

ACCESS: tuple[Access, ...] = (
    Access(
        namespace="kubeflow",
        service_account="pipeline-runner",
        why="pipeline steps read and write tables, artifacts and models",
        buckets=_PIPELINE_BUCKETS,
    ),
    Access(
        namespace="kubeflow",
        service_account="ml-pipeline",
        why="the Kubeflow Pipelines API keeps compiled pipelines and reads artifacts",
        buckets=(BucketGrant(bucket="artifacts", prefix="pipelines/", actions=WRITE),),
    ),
    Access(
        namespace="kubeflow",
        service_account="ml-pipeline-ui",
        why="the Kubeflow Pipelines page shows artifacts and archived logs",
        buckets=(BucketGrant(bucket="artifacts", prefix="pipelines/", actions=READ),),
    ),
    Access(
        namespace="mlflow",
        service_account="mlflow",
        why="the tracking server hands artifacts through to its clients",
        buckets=(BucketGrant(bucket="artifacts", prefix="mlflow/", actions=(*WRITE, *DELETE)),),
    ),
    Access(
        namespace="feast",
        service_account="feast",
        why="materialisation reads the offline tables",
        buckets=(BucketGrant(bucket="data", prefix="", actions=READ),),
    ),
    Access(
        namespace="serving",
        service_account="serving",
        why="the bundle loads its model, and what it logs is added to the tables of the log",
        buckets=(
            BucketGrant(bucket="models", prefix="", actions=READ),
            *(BucketGrant(bucket="data", prefix=prefix, actions=WRITE) for prefix in LOG_TABLES),
        ),
    ),
    Access(
        namespace="monitoring",
        service_account="monitor",
        why="the monitor reads trips and the log of predictions, lets go of what in the log is over its time, and "
        "starts training runs in the components' image, by its digest",
        buckets=(
            BucketGrant(bucket="data", prefix="", actions=READ),
            *(BucketGrant(bucket="data", prefix=prefix, actions=(*WRITE, *DELETE)) for prefix in LOG_TABLES),
        ),
        images=("components",),
    ),
    Access(
        namespace="monitoring",
        service_account="loki",
        why="the log store keeps the lines of all pods, and lets go of those that are over their time",
        buckets=(BucketGrant(bucket="logs", prefix="pods/", actions=(*WRITE, *DELETE)),),
    ),
    Access(
        namespace="database",
        service_account="database-bootstrap",
        why="the bootstrap job makes each application's database user and puts its password in Secrets Manager",
        secrets=(
            SecretGrant(names=("postgres-master", "mysql-master")),
            SecretGrant(names=BOOTSTRAPPED_SECRETS, actions=_WRITE_SECRET),
        ),
    ),
    Access(
        namespace="external-secrets",
        service_account="external-secrets",
        why="External Secrets copies the applications' secrets into their namespaces",
        secrets=(SecretGrant(names=SECRETS),),
    ),
)
