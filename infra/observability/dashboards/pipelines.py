"""Do runs come through, and how long do they take?"""

from infra.observability.dashboards.panel import Dashboard, Panel, of_cluster, quantile

DASHBOARD = Dashboard(
    title="Pipelines",
    purpose="Do runs come through, and how long do they take?",
    panels=(
        Panel(
            title="Runs in a day",
            unit="short",
            queries={
                "{{pipeline}}, {{status}}": "sum by (pipeline, status) (increase(keelson_pipeline_runs_total[1d]))"
            },
        ),
        Panel(
            title="Time of the last run",
            unit="s",
            queries={"{{pipeline}}": "max by (pipeline) (keelson_pipeline_run_seconds)"},
        ),
        Panel(
            title="Retraining in a week",
            unit="short",
            queries={"{{result}}": "sum by (result) (increase(keelson_monitor_retrains_total[7d]))"},
        ),
        Panel(
            title="MLflow, requests",
            unit="reqps",
            queries={"{{status}}": "sum by (status) (rate(mlflow_http_request_total[5m]))"},
        ),
        Panel(
            title="MLflow, time to answer",
            unit="s",
            queries={"95 %": quantile("mlflow_http_request_duration_seconds", 0.95)},
        ),
        of_cluster(
            "Workflows in an hour",
            "short",
            {
                "succeeded": "sum(increase(resource_manager_workflow_runs_success[1h]))",
                "failed": "sum(increase(resource_manager_workflow_runs_failed[1h]))",
            },
        ),
        of_cluster("Workflows by phase", "short", {"{{phase}}": "sum by (phase) (argo_workflows_gauge)"}),
        of_cluster(
            "Time to handle a workflow", "s", {"99 %": quantile("argo_workflows_operation_duration_seconds", 0.99)}
        ),
        of_cluster("Workflows that wait", "short", {"waiting": "sum(argo_workflows_queue_depth_gauge)"}),
    ),
)
