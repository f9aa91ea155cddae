"""Grafana dashboards: tables of panels, written out in Grafana's own format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One graph.

    Attributes:
        unit: Grafana's name of it: ``reqps``, ``s``, ``bytes``, ``percentunit``, ``short``.
        queries: PromQL by legend.
    """

    title: str
    unit: str
    queries: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One page of graphs."""

    title: str
    panels: Sequence[Panel]


def _quantile(metric: str, quantile: float) -> str:
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric}_bucket[5m])))"


DASHBOARDS: Mapping[str, Dashboard] = {
    "platform": Dashboard(
        title="Platform",
        panels=(
            Panel(
                title="CPU in use, of what was asked for",
                unit="percentunit",
                queries={
                    "{{namespace}}": "sum by (namespace) (rate(container_cpu_usage_seconds_total[5m])) / "
                    'sum by (namespace) (kube_pod_container_resource_requests{resource="cpu"})'
                },
            ),
            Panel(
                title="Memory in use",
                unit="bytes",
                queries={"{{namespace}}": "sum by (namespace) (container_memory_working_set_bytes)"},
            ),
            Panel(
                title="Pods not ready",
                unit="short",
                queries={
                    "{{namespace}}": 'sum by (namespace) (kube_pod_status_ready{condition="false"}) - '
                    'sum by (namespace) (kube_pod_status_phase{phase="Succeeded"})'
                },
            ),
            Panel(
                title="Restarts in an hour",
                unit="short",
                queries={
                    "{{namespace}}": "sum by (namespace) (increase(kube_pod_container_status_restarts_total[1h]))"
                },
            ),
            Panel(
                title="Nodes by pool",
                unit="short",
                queries={"{{nodepool}}": "sum by (nodepool) (karpenter_nodeclaims_created_total)"},
            ),
            Panel(
                title="Volumes, free",
                unit="percentunit",
                queries={
                    "{{persistentvolumeclaim}}": "kubelet_volume_stats_available_bytes / "
                    "kubelet_volume_stats_capacity_bytes"
                },
            ),
        ),
    ),
    "pipelines": Dashboard(
        title="Training pipelines",
        panels=(
            Panel(
                title="Runs in an hour",
                unit="short",
                queries={
                    "succeeded": "sum(increase(resource_manager_workflow_runs_success[1h]))",
                    "failed": "sum(increase(resource_manager_workflow_runs_failed[1h]))",
                },
            ),
            Panel(
                title="Workflows by phase",
                unit="short",
                queries={"{{phase}}": "sum by (phase) (argo_workflows_gauge)"},
            ),
            Panel(
                title="Time to handle a workflow",
                unit="s",
                queries={"99 %": _quantile("argo_workflows_operation_duration_seconds", 0.99)},
            ),
            Panel(
                title="MLflow, requests",
                unit="reqps",
                queries={"{{status}}": "sum by (status) (rate(mlflow_http_request_total[5m]))"},
            ),
            Panel(
                title="Materialisation",
                unit="short",
                queries={"{{status}}": "sum by (status) (increase(feast_materialization_result_total[1h]))"},
            ),
            Panel(
                title="Age of online features",
                unit="s",
                queries={"{{feature_view}}": "max by (feature_view) (feast_feature_freshness_seconds)"},
            ),
        ),
    ),
    "serving": Dashboard(
        title="Serving",
        panels=(
            Panel(
                title="Requests",
                unit="reqps",
                queries={"{{status}}": "sum by (status) (rate(keelson_serving_requests_total[5m]))"},
            ),
            Panel(
                title="Time to answer",
                unit="s",
                queries={
                    "50 %": _quantile("keelson_serving_request_seconds", 0.5),
                    "99 %": _quantile("keelson_serving_request_seconds", 0.99),
                },
            ),
            Panel(
                title="Time to read features",
                unit="s",
                queries={"99 %": _quantile("keelson_serving_feature_seconds", 0.99)},
            ),
            Panel(
                title="Features that were missing, of predictions",
                unit="percentunit",
                queries={
                    "missing": "sum(rate(keelson_serving_missing_features_total[5m])) / "
                    "sum(rate(keelson_serving_predictions_total[5m]))"
                },
            ),
            Panel(
                title="Predictions by model version",
                unit="reqps",
                queries={
                    "version {{model_version}}": "sum by (model_version) (rate(keelson_serving_predictions_total[5m]))"
                },
            ),
            Panel(
                title="Copies ready",
                unit="short",
                queries={"ready": 'kube_deployment_status_replicas_ready{namespace="serving"}'},
            ),
        ),
    ),
    "gpu": Dashboard(
        title="GPU",
        panels=(
            Panel(title="In use", unit="percent", queries={"{{Hostname}}": "DCGM_FI_DEV_GPU_UTIL"}),
            Panel(
                title="Memory in use",
                unit="decmbytes",
                queries={"{{Hostname}}": "DCGM_FI_DEV_FB_USED"},
            ),
            Panel(
                title="GPUs asked for",
                unit="short",
                queries={
                    "{{namespace}}": "sum by (namespace) "
                    '(kube_pod_container_resource_requests{resource="nvidia_com_gpu"})'
                },
            ),
            Panel(title="Power", unit="watt", queries={"{{Hostname}}": "DCGM_FI_DEV_POWER_USAGE"}),
            Panel(title="Temperature", unit="celsius", queries={"{{Hostname}}": "DCGM_FI_DEV_GPU_TEMP"}),
            Panel(title="Errors (XID)", unit="short", queries={"{{Hostname}}": "DCGM_FI_DEV_XID_ERRORS"}),
        ),
    ),
}


def grafana(uid: str, dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana reads it: two graphs side by side, the last six hours."""
    return {
        "uid": f"keelson-{uid}",
        "title": f"Keelson: {dashboard.title}",
        "tags": ["keelson"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "panels": [_panel(i, panel) for i, panel in enumerate(dashboard.panels)],
    }


def _panel(i: int, panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "prometheus"}
    return {
        "id": i + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": {"x": i % _COLUMNS * _WIDTH, "y": i // _COLUMNS * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + j), "datasource": source, "expr": query, "legendFormat": legend}
            for j, (legend, query) in enumerate(panel.queries.items())
        ],
    }
