"""What Kubeflow Pipelines and Argo Workflows read of the stack: data of their ConfigMaps, as pure functions.

The objects of upstream refer to these ConfigMaps by name. Buckets and hosts are known only after deployment, so the
program makes them and the kustomization leaves upstream's out.
"""

from collections.abc import Mapping
from typing import Any

import pulumi

from infra.apps.database_bootstrap import MYSQL_HOST, MYSQL_PORT
from infra.apps.foundation import CloudFoundation
from infra.apps.kubeflow.images import pinned
from infra.apps.priority import BATCH
from infra.apps.workload import USER
from infra.settings.cloud import CloudSettings

INSTALL = "pipeline-install-config"
LAUNCHER = "kfp-launcher"
WORKFLOWS = "workflow-controller-configmap"
SERVER = "ml-pipeline-config"

STEP_ACCOUNT = "pipeline-runner"
PIPELINE_DATABASE, METADATA_DATABASE = "mlpipeline", "metadb"
# Everything that Kubeflow Pipelines keeps is below the one prefix that its service accounts may use.
_PREFIX = "pipelines"
# The page looks a log up by this name when its pod is gone; it knows no namespace for runs of one user.
LOG_KEY = (
    f"{_PREFIX}/logs/{{{{workflow.name}}}}/{{{{workflow.creationTimestamp.Y}}}}/{{{{workflow.creationTimestamp.m}}}}"
    "/{{workflow.creationTimestamp.d}}/{{pod.name}}"
)
_KEPT_SECONDS = 3600


Data = Mapping[str, pulumi.Input[str]]


def config_maps(foundation: CloudFoundation, settings: CloudSettings) -> dict[str, Data]:
    """Every ConfigMap of the stack, ``{name: data}``."""
    return {
        INSTALL: install(foundation, settings),
        SERVER: {"config.json": server(foundation)},
        LAUNCHER: launcher(foundation),
        WORKFLOWS: workflows(foundation, settings),
    }


def flat(values: Mapping[str, Data]) -> dict[str, pulumi.Input[str]]:
    """The same in one level, ``{"ConfigMap/key": value}``."""
    return {f"{name}/{key}": value for name, data in values.items() for key, value in data.items()}


def endpoint(region: str) -> str:
    """Host of S3. The regional one: a request to any other is redirected, which signed requests do not survive."""
    return f"s3.{region}.amazonaws.com"


def install(foundation: CloudFoundation, settings: CloudSettings) -> dict[str, pulumi.Input[str]]:
    """Values that deployments take as variables, under upstream's names where it has one."""
    server = foundation.mysql
    return {
        "dbType": "mysql",
        "mysqlHost": MYSQL_HOST if server is None else server.host,
        "mysqlPort": str(MYSQL_PORT if server is None else server.port),
        "pipelineDb": PIPELINE_DATABASE,
        "mlmdDb": METADATA_DATABASE,
        # A server, or a proxy before it, closes connections that are older; a pool must let go of them first.
        "ConMaxLifeTime": "120s",
        "bucketName": foundation.buckets.artifacts,
        "bucketRegion": foundation.region,
        "bucketEndpoint": endpoint(foundation.region),
        "logKey": LOG_KEY,
        "driverImage": pinned("ghcr.io/kubeflow/kfp-driver", settings),
        "launcherImage": pinned("ghcr.io/kubeflow/kfp-launcher", settings),
        "autoUpdatePipelineDefaultVersion": "true",
        "cronScheduleTimezone": "UTC",
        # What only old pipelines use is not installed.
        "BLOCK_V1_PIPELINES": "true",
        # The namespace admits no pod that could run as root; these win over what a pipeline asks for.
        "defaultSecurityContextRunAsUser": str(USER),
        "defaultSecurityContextRunAsGroup": str(USER),
        "defaultSecurityContextRunAsNonRoot": "true",
    }


def server(foundation: CloudFoundation) -> pulumi.Output[str]:
    """The API server's whole configuration file.

    The one in the image has static keys for its object store, and sends each run to an MLflow that is not there.
    """
    return pulumi.Output.json_dumps(
        {
            "DBDriverName": "mysql",
            "DBConfig": {
                "MySQLConfig": {"DBName": PIPELINE_DATABASE, "GroupConcatMaxLen": "4194304"},
                "ConMaxLifeTime": "120s",
            },
            "ObjectStoreConfig": {
                "AccessKey": "",
                "SecretAccessKey": "",
                "BucketName": foundation.buckets.artifacts,
                "PipelinePath": f"{_PREFIX}/specifications",
            },
            "InitConnectionTimeout": "6m",
            "DEFAULTPIPELINERUNNERSERVICEACCOUNT": STEP_ACCOUNT,
            "CacheEnabled": "true",
            "CRON_SCHEDULE_TIMEZONE": "UTC",
        }
    )


def launcher(foundation: CloudFoundation) -> dict[str, pulumi.Input[str]]:
    """Where steps put artifacts, and that they sign in by their own service account.

    A pipeline root with a query string would bypass ``providers``, so there is none.
    """
    region = foundation.region
    store = {
        "endpoint": endpoint(region),
        "region": region,
        "disableSSL": False,
        "forcePathStyle": True,
        "credentials": {"fromEnv": True},
    }
    return {
        "defaultPipelineRoot": pulumi.Output.concat("s3://", foundation.buckets.artifacts, f"/{_PREFIX}"),
        "providers": pulumi.Output.json_dumps({"s3": {"default": store}}),
    }


def workflows(foundation: CloudFoundation, settings: CloudSettings) -> dict[str, pulumi.Input[str]]:
    """Configuration of Argo Workflows. Its values are YAML, of which JSON is a part."""
    repository = {
        "archiveLogs": True,
        "s3": {
            "endpoint": endpoint(foundation.region),
            "region": foundation.region,
            "bucket": foundation.buckets.artifacts,
            "keyFormat": LOG_KEY,
            "insecure": False,
            # Without it only the node's own role would be asked for credentials, which pods cannot reach.
            "useSDKCreds": True,
        },
    }
    executor = {
        # Nothing on the command line: that would win over this.
        "image": pinned("quay.io/argoproj/argoexec", settings),
        "imagePullPolicy": "IfNotPresent",
        "resources": _EXECUTOR_RESOURCES,
        # The same user as that of steps: it reads the files that they leave.
        "securityContext": {"runAsUser": USER, "runAsGroup": USER, **_RESTRICTED},
    }
    ended = {f"secondsAfter{how}": _KEPT_SECONDS for how in ("Completion", "Success", "Failure")}
    defaults = {
        "spec": {
            "podPriorityClassName": BATCH,
            "ttlStrategy": ended,
            "templateDefaults": {"retryStrategy": _RETRY},
        }
    }
    return {
        "artifactRepository": pulumi.Output.json_dumps(repository),
        "executor": pulumi.Output.json_dumps(executor),
        "workflowDefaults": pulumi.Output.json_dumps(defaults),
        # Plain HTTP: its own certificate is signed by nobody, and network policies say who may ask.
        "metricsConfig": pulumi.Output.json_dumps({"enabled": True, "port": 9090, "path": "/metrics", "secure": False}),
    }


# A pod that was killed, for want of memory or by a node that went, is started anew; a step that said no is not.
_RETRY: Mapping[str, str] = {
    "limit": "2",
    "retryPolicy": "Always",
    "expression": "lastRetry.status == 'Error' || asInt(lastRetry.exitCode) > 128",
}
_RESTRICTED: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_EXECUTOR_RESOURCES: Mapping[str, Any] = {
    "requests": {"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    "limits": {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": "2Gi"},
}
