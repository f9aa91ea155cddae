"""Are online features there, fresh and fast?"""

from infra.observability.dashboards.panel import Dashboard, Panel, of_cluster, quantile

DASHBOARD = Dashboard(
    title="Features",
    purpose="Are online features there, fresh and fast?",
    panels=(
        Panel(
            title="Age of online features",
            unit="s",
            queries={"{{feature_view}}": "max by (feature_view) (feast_feature_freshness_seconds)"},
        ),
        Panel(
            title="Features read",
            unit="reqps",
            queries={
                "{{feature_view}}, {{status}}": "sum by (feature_view, status) "
                "(rate(feast_online_features_status_total[5m]))"
            },
        ),
        Panel(
            title="Requests to the feature server",
            unit="reqps",
            queries={
                "{{endpoint}}, {{status}}": "sum by (endpoint, status) (rate(feast_feature_server_request_total[5m]))"
            },
        ),
        Panel(
            title="Time in the feature server",
            unit="s",
            queries={
                "all, 99 %": quantile("feast_feature_server_request_latency_seconds", 0.99),
                "store, 99 %": quantile("feast_feature_server_online_store_read_duration_seconds", 0.99),
            },
        ),
        Panel(
            title="Time that serving waits for features",
            unit="s",
            queries={
                "50 %": quantile("keelson_serving_feature_seconds", 0.5),
                "99 %": quantile("keelson_serving_feature_seconds", 0.99),
            },
        ),
        Panel(
            title="Rows in a request",
            unit="short",
            queries={"95 %": quantile("feast_online_features_entity_count", 0.95)},
        ),
        of_cluster(
            "Materialisation jobs",
            "short",
            {
                "failed": 'sum(kube_job_status_failed{namespace="feast"})',
                "succeeded": 'sum(kube_job_status_succeeded{namespace="feast"})',
            },
        ),
    ),
)
