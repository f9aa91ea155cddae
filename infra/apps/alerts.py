"""Alerts on the platform, as Prometheus rules."""

from collections.abc import Mapping, Sequence
from typing import Any


def _alert(name: str, expression: str, *, minutes: int, severity: str, summary: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": " ".join(expression.split()),
        "for": f"{minutes}m",
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    }


# What a prediction may cost its callers; a new bundle is held to the same while it is tried.
MAX_FAILED_SHARE, MAX_P99_SECONDS = 0.01, 0.25
_REQUESTS = "sum(rate(keelson_serving_requests_total[5m]))"
_FAILED = 'sum(rate(keelson_serving_requests_total{status=~"5.."}[5m]))'

GROUPS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "serving": [
        _alert(
            "ServingErrors",
            f"{_FAILED} / {_REQUESTS} > {MAX_FAILED_SHARE}",
            minutes=5,
            severity="critical",
            summary="More than 1 % of the predictions fail",
        ),
        _alert(
            "ServingSlow",
            "histogram_quantile(0.99, sum by (le) (rate(keelson_serving_request_seconds_bucket[5m]))) "
            f"> {MAX_P99_SECONDS}",
            minutes=10,
            severity="warning",
            summary="One prediction in a hundred takes longer than 250 ms",
        ),
        _alert(
            "FeaturesMissing",
            "rate(keelson_serving_missing_features_total[15m]) > 0.1 * rate(keelson_serving_predictions_total[15m])",
            minutes=15,
            severity="warning",
            summary="Predictions are made without their online features",
        ),
    ],
    "features": [
        _alert(
            "FeaturesStale",
            "max by (feature_view) (feast_feature_freshness_seconds) > 2 * 3600",
            minutes=15,
            severity="warning",
            summary="Online features are older than two hours: materialisation does not keep up",
        ),
    ],
    "pipelines": [
        _alert(
            "PipelineFailed",
            "increase(resource_manager_workflow_runs_failed[30m]) > 0",
            minutes=0,
            severity="warning",
            summary="A pipeline run failed",
        ),
        _alert(
            "PipelinesQueue",
            "sum(argo_workflows_queue_depth_gauge) > 50",
            minutes=15,
            severity="warning",
            summary="Workflows wait for the controller",
        ),
    ],
    "capacity": [
        _alert(
            "GpuIdle",
            "avg by (Hostname) (avg_over_time(DCGM_FI_DEV_GPU_UTIL[30m])) < 5",
            minutes=30,
            severity="warning",
            summary="A GPU is paid for and does nothing",
        ),
        _alert(
            "PodsUnschedulable",
            "sum(kube_pod_status_unschedulable) > 0",
            minutes=15,
            severity="warning",
            summary="Pods find no node: a pool is at its limit, or nothing fits them",
        ),
        _alert(
            "VolumeAlmostFull",
            "kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes < 0.1",
            minutes=15,
            severity="critical",
            summary="A volume has less than a tenth left",
        ),
    ],
    "secrets": [
        _alert(
            "SecretNotCopied",
            'externalsecret_status_condition{condition="Ready", status="False"} == 1',
            minutes=15,
            severity="critical",
            summary="A secret cannot be copied from Secrets Manager",
        ),
        _alert(
            "CertificateExpires",
            "certmanager_certificate_expiration_timestamp_seconds - time() < 7 * 24 * 3600",
            minutes=60,
            severity="warning",
            summary="A certificate ends within a week and was not renewed",
        ),
    ],
}
