"""What was delivered: models, infrastructure, monitoring, and by which way?"""

from infra.observability.dashboards.panel import Dashboard, Panel, of_cluster

DASHBOARD = Dashboard(
    title="Delivery",
    purpose="What was delivered, when, and did it stay: models, infrastructure, CI/CD, orchestration?",
    panels=(
        Panel(
            title="Releases of models in a week",
            unit="short",
            queries={"{{result}}": "sum by (result) (increase(keelson_releases_total[7d]))"},
        ),
        Panel(
            title="Releases that were rolled back, of all in 30 days",
            unit="percentunit",
            queries={
                "share": 'sum(increase(keelson_releases_total{result="rolled_back"}[30d])) '
                "/ sum(increase(keelson_releases_total[30d]))"
            },
        ),
        Panel(
            title="Model versions that answer",
            unit="percentunit",
            queries={
                "{{variant}}, version {{model_version}}": "sum by (variant, model_version) "
                "(rate(keelson_serving_predictions_total[5m])) "
                "/ on () group_left () sum(rate(keelson_serving_predictions_total[5m]))"
            },
        ),
        Panel(
            title="Runs in a day, by pipeline",
            unit="short",
            queries={
                "{{pipeline}}, {{status}}": "sum by (pipeline, status) (increase(keelson_pipeline_runs_total[1d]))"
            },
        ),
        Panel(
            title="Since the last start of a service",
            unit="s",
            queries={"{{job}}": "time() - max by (job) (process_start_time_seconds)"},
        ),
        Panel(
            title="Since the last change of what is watched",
            unit="s",
            queries={"Prometheus": "time() - max(prometheus_config_last_reload_success_timestamp_seconds)"},
        ),
        of_cluster("Roll-outs by phase", "short", {"{{name}}, {{phase}}": "sum by (name, phase) (rollout_info)"}),
        of_cluster(
            "Deployments that are not as they should be",
            "short",
            {"{{namespace}}": "sum by (namespace) (kube_deployment_status_replicas_unavailable)"},
        ),
        of_cluster(
            "Scheduled jobs, since they last ran",
            "s",
            {"{{namespace}}, {{cronjob}}": "time() - kube_cronjob_status_last_schedule_time"},
        ),
    ),
)
