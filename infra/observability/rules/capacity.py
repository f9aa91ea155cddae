"""Rules on what only a cluster has: GPUs, nodes, volumes, secrets and certificates."""

from infra.observability.metrics import Where
from infra.observability.rules.rule import Alert, Group, Severity


def _alert(name: str, measure: str, condition: str, *, minutes: int, severity: Severity, summary: str) -> Alert:
    return Alert(
        name=name,
        measure=measure,
        condition=condition,
        minutes=minutes,
        severity=severity,
        summary=summary,
        where=Where.CLUSTER,
    )


_GPU = Group(
    name="gpu",
    rules=(
        _alert(
            "GpuIdle",
            "avg by (Hostname) (avg_over_time(DCGM_FI_DEV_GPU_UTIL[30m]))",
            "< 5",
            minutes=30,
            severity="warning",
            summary="A GPU is paid for and does nothing",
        ),
        _alert(
            "GpuSaturated",
            "avg(avg_over_time(DCGM_FI_DEV_GPU_UTIL[30m]))",
            "> 95",
            minutes=60,
            severity="warning",
            summary="All GPUs are busy all the time, so runs wait for them",
        ),
        _alert(
            "GpuMemoryFull",
            "max by (Hostname, gpu) (DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE))",
            "> 0.97",
            minutes=10,
            severity="warning",
            summary="The next allocation on a GPU may fail",
        ),
        _alert(
            "GpuError",
            "max by (Hostname, gpu) (DCGM_FI_DEV_XID_ERRORS)",
            "> 0",
            minutes=0,
            severity="critical",
            summary="The driver reported an error (XID) of a GPU",
        ),
    ),
)
_CAPACITY = Group(
    name="capacity",
    rules=(
        _alert(
            "PodsUnschedulable",
            "sum(kube_pod_status_unschedulable)",
            "> 0",
            minutes=15,
            severity="warning",
            summary="Pods find no node: a pool is at its limit, or nothing fits them",
        ),
        _alert(
            "PodRestarts",
            "sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total[1h]))",
            "> 3",
            minutes=0,
            severity="warning",
            summary="A pod starts again and again",
        ),
        _alert(
            "VolumeAlmostFull",
            "kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes",
            "< 0.1",
            minutes=15,
            severity="critical",
            summary="A volume has less than a tenth left",
        ),
        _alert(
            "DiskAlmostFull",
            'node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"}',
            "< 0.1",
            minutes=15,
            severity="warning",
            summary="A node's root disk has less than a tenth left",
        ),
    ),
)
_LOGS = Group(
    name="logs",
    rules=(
        _alert(
            "LogsLost",
            # It has either name, by the format that Prometheus and the collector agree on.
            "sum by (pod) (increase(otelcol_exporter_send_failed_log_records_total[15m]) "
            "or increase(otelcol_exporter_send_failed_log_records[15m]))",
            "> 0",
            minutes=0,
            severity="warning",
            summary="The log store refuses lines of a node's pods, and they are dropped",
        ),
    ),
)
_SECRETS = Group(
    name="secrets",
    rules=(
        _alert(
            "SecretNotCopied",
            'externalsecret_status_condition{condition="Ready", status="False"}',
            "== 1",
            minutes=15,
            severity="critical",
            summary="A secret cannot be copied from Secrets Manager",
        ),
        _alert(
            "CertificateExpires",
            "certmanager_certificate_expiration_timestamp_seconds - time()",
            "< 7 * 24 * 3600",
            minutes=60,
            severity="warning",
            summary="A certificate ends within a week and was not renewed",
        ),
    ),
)


def of_any_cluster() -> tuple[Group, ...]:
    """Rules on what every cluster has: nodes, pods and volumes."""
    return (_CAPACITY,)


def groups() -> tuple[Group, ...]:
    """Rules on the cluster under the platform."""
    return (_GPU, _CAPACITY, _LOGS, _SECRETS)
