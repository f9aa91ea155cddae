"""Do predictions come, in time, and from which model?"""

from infra.observability.dashboards.panel import Dashboard, Panel, of_cluster, quantile

DASHBOARD = Dashboard(
    title="Serving",
    purpose="Do predictions come, in time, and from which model?",
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
                "50 %": quantile("keelson_serving_request_seconds", 0.5),
                "99 %": quantile("keelson_serving_request_seconds", 0.99),
            },
        ),
        Panel(
            title="Bad requests, of all",
            unit="percentunit",
            queries={"{{objective}}": "objective:errors:ratio_rate5m"},
        ),
        Panel(
            title="Time to answer by variant",
            unit="s",
            queries={"{{variant}}, 99 %": quantile("keelson_serving_request_seconds", 0.99, "variant")},
        ),
        Panel(
            title="Predictions by model version",
            unit="reqps",
            queries={
                "{{variant}}, version {{model_version}}": "sum by (variant, model_version) "
                "(rate(keelson_serving_predictions_total[5m]))"
            },
        ),
        Panel(
            title="Online features that a prediction lacks",
            unit="short",
            queries={
                "features": "sum(rate(keelson_serving_missing_features_total[5m])) "
                "/ sum(rate(keelson_serving_predictions_total[5m]))"
            },
        ),
        Panel(
            title="Predicted without the feature store",
            unit="percentunit",
            queries={
                "share": "sum(rate(keelson_serving_degraded_predictions_total[5m])) "
                "/ sum(rate(keelson_serving_predictions_total[5m]))"
            },
        ),
        Panel(
            title="Outcomes told, and log failures",
            unit="short",
            queries={
                "outcomes": "sum(increase(keelson_serving_outcomes_total[1h]))",
                "log failures": "sum(increase(keelson_serving_log_failures_total[1h]))",
            },
        ),
        # Its pods are a Rollout's, of which kube-state-metrics knows nothing.
        of_cluster(
            "Copies ready", "short", {"ready": 'sum(kube_pod_status_ready{namespace="serving", condition="true"})'}
        ),
    ),
)
