"""The deployed bundle on the cluster: it starts without the registry; features come from the feature server."""

from dataclasses import dataclass, replace

import pulumi
from pulumi_kubernetes import core, meta

from infra.apps.canary import CanaryServer
from infra.apps.contract import AUTHORITY, AUTHORITY_FOLDER, LIBPQ, address, storage_variables
from infra.apps.environment import JOURNALS_GO_AT_ONCE, NO_TELEMETRY
from infra.apps.foundation import Foundation
from infra.apps.workload import Check, Probes, SecretKey, Size, Workload
from infra.settings.services import ServiceSettings
from infra.settings.traffic import FeatureLookup, content

NAME = NAMESPACE = "serving"
PORT = 3000
# The user of an image that BentoML makes; its files are its own.
BENTOML_USER = 1034
TRAFFIC = "serving-traffic"
LOCK_SECRET = "log-lock-database"  # noqa: S105 (a name)
_HOME = "/var/lib/bentoml"
_TRAFFIC_FOLDER, _TRAFFIC_FILE = "/etc/keelson/traffic", "traffic.json"
_PREDICTIONS = "/var/lib/keelson/predictions"
# GiB; a prediction is a line of about 1 KB.
_PREDICTIONS_DISK = 10
# Callers go on sending for some seconds after a pod has left its Service, and BentoML gives a request up to 60 s.
_DRAIN_SECONDS, _GRACE_SECONDS = 15, 60
# What was logged waits so long at most until it is in the tables, and is lost with a node. Once the service has ended,
# what is left is taken in.
_COLLECT_SECONDS, _LAST_COLLECT_SECONDS = 60, 30
_MOST_PER_LEAST = 4
_IMAGE_USER = "the image is made by BentoML for its user 1034, to whom the bundle's files belong"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a copy of the bundle was seen to use.

    Attributes:
        milliseconds: Processor time of a request, with lookup.
        megabytes: Proportional set size of its two workers and their parent.
    """

    milliseconds: float
    megabytes: int


# The figures of docs/load-testing.md ("What a copy uses"); `make bench-serving` prints them anew.
MEASURED = Measured(milliseconds=1.6, megabytes=323)
# What a copy is sized for, the rate at which `make loadtest` holds the service to its budgets. An autoscaler adds a
# copy when they answer half as much again.
REQUESTS_PER_SECOND = 50


def size(measured: Measured) -> Size:
    """Requests that hold what was measured: a millisecond a request, at one request a second, is a millicore."""
    return Size(
        cpu=round(measured.milliseconds * REQUESTS_PER_SECOND),
        # A fifth more than at rest, for the requests that are being answered.
        memory=round(measured.megabytes * 1.2 * 10**6 / 2**20),
        memory_limit=1536,
        # Two processors, for two workers.
        burst=25,
    )


def bundle_image(repository: pulumi.Input[str], bundle: str) -> pulumi.Output[str]:
    """Address of a bundle's image: the stack's repository with the tag of ``<name>:<tag>``."""
    return pulumi.Output.concat(repository, ":", bundle.partition(":")[2])


def collector(image: pulumi.Input[str], foundation: Foundation) -> Workload:
    """Takes what a pod has logged into the tables of the log, until the pod's end: the disk goes with the pod."""
    return Workload(
        namespace=NAMESPACE,
        name="collect",
        component="serving",
        image=image,
        command=["python", "-m", "monitoring.collect"],
        arguments=["--every", str(_COLLECT_SECONDS)],
        # At rest 120 MB; a batch of the log is some hundred more.
        size=Size(cpu=10, memory=160, memory_limit=1024),
        environment={
            **NO_TELEMETRY,
            **LIBPQ,
            **storage_variables(foundation),
            "KEELSON_DATA_BUCKET": foundation.buckets.data,
            # Who signs in by it may take locks, and nothing else.
            "KEELSON_PIPELINES_DATABASE": SecretKey(secret=LOCK_SECRET, key="uri"),
            "KEELSON_PREDICTION_LOG": _PREDICTIONS,
            **JOURNALS_GO_AT_ONCE,
        },
        secret_files={AUTHORITY_FOLDER: AUTHORITY},
    )


def workload(image: pulumi.Input[str], lookup: FeatureLookup) -> Workload:
    """The bundle's server, which is given no credentials."""
    return Workload(
        namespace=NAMESPACE,
        name=NAME,
        component="serving",
        image=image,
        arguments=["serve"],
        size=size(MEASURED),
        user=BENTOML_USER,
        ports={"http": PORT},
        probes=Probes(alive=Check(port="http", path="/livez"), ready=Check(port="http", path="/readyz")),
        environment={
            **NO_TELEMETRY,
            # Not the image's own: that holds the bundle, and is read-only.
            "BENTOML_HOME": _HOME,
            "BENTOML_PORT": str(PORT),
            "KEELSON_FEAST_SERVER_URL": address("feast", "feast", 6566),
            "KEELSON_FEATURE_LOOKUP": lookup,
            "KEELSON_TRAFFIC_FILE": f"{_TRAFFIC_FOLDER}/{_TRAFFIC_FILE}",
            "KEELSON_PREDICTION_LOG": _PREDICTIONS,
        },
        scratch={_HOME: 256, "/tmp": 256},  # noqa: S108 (a path in the pod, where nobody else is)
        # The whole folder: a file that is mounted by itself stays as it was when the pod started.
        config_files={_TRAFFIC_FOLDER: TRAFFIC},
        disks={_PREDICTIONS: _PREDICTIONS_DISK},
        drain_seconds=_DRAIN_SECONDS,
        grace_seconds=_GRACE_SECONDS + _LAST_COLLECT_SECONDS,
        exceptions={
            "kube-score/container-security-context-user-group-id": _IMAGE_USER,
            "checkov/CKV_K8S_40": _IMAGE_USER,
        },
    )


class Serving(pulumi.ComponentResource):
    """The deployed bundle and who of it answers; nothing while no bundle is chosen. With several copies, up to four
    times as many under load."""

    def __init__(
        self,
        name: str,
        *,
        repository: pulumi.Input[str],
        image: pulumi.Input[str],
        foundation: Foundation,
        settings: ServiceSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Serving", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        if settings.bundle is not None:
            # It is there without a policy too, so that the first one reaches pods that run.
            core.v1.ConfigMap(
                f"{name}-traffic",
                metadata=meta.v1.ObjectMetaArgs(name=TRAFFIC, namespace=NAMESPACE),
                data={} if settings.traffic is None else {_TRAFFIC_FILE: content(settings.traffic)},
                opts=child,
            )
            server = workload(bundle_image(repository, settings.bundle), settings.feature_lookup)
            CanaryServer(
                f"{name}-server",
                # Beside it runs what collects its log.
                replace(server, beside=collector(image, foundation)),
                replicas=settings.replicas,
                most=settings.replicas * _MOST_PER_LEAST if settings.replicas > 1 else None,
                opts=child,
            )
        self.register_outputs({})
