"""Is the model as good as promised, and do its inputs look as in training?"""

from infra.observability.dashboards.panel import Dashboard, Panel

DASHBOARD = Dashboard(
    title="Model quality and drift",
    purpose="Is the model as good as promised, and do its inputs look as in training?",
    panels=(
        Panel(
            title="Mean absolute error by slice",
            unit="s",
            queries={
                "{{slice}}": "max by (slice) (keelson_monitor_mae_seconds)",
                "expected": 'max(keelson_monitor_mae_reference_seconds{slice="all"})',
            },
        ),
        Panel(
            title="Drift by feature",
            unit="short",
            queries={"{{feature}}": "max by (feature) (keelson_monitor_feature_drift)"},
        ),
        Panel(
            title="Features that drifted",
            unit="percentunit",
            queries={"share": "max(keelson_monitor_drifted_share)"},
        ),
        Panel(
            title="Which features drifted",
            unit="short",
            queries={"{{feature}}": "max by (feature) (keelson_monitor_feature_drifted)"},
        ),
        Panel(title="Drift of predictions", unit="short", queries={"drift": "max(keelson_monitor_prediction_drift)"}),
        Panel(
            title="Labels, of trips that ended",
            unit="percentunit",
            queries={"coverage": "min(keelson_monitor_label_coverage)"},
        ),
        Panel(
            title="Labelled rows in the last window",
            unit="short",
            queries={"rows": "sum(keelson_monitor_labelled_rows)"},
        ),
        Panel(
            title="Windows in a week",
            unit="short",
            queries={"{{outcome}}": "sum by (outcome) (increase(keelson_monitor_windows_total[7d]))"},
        ),
        Panel(
            title="Decisions in a week",
            unit="short",
            queries={
                "{{action}}": "sum by (action) (increase(keelson_monitor_decisions_total[7d]))",
                "retraining {{result}}": "sum by (result) (increase(keelson_monitor_retrains_total[7d]))",
            },
        ),
        Panel(
            title="Rows whose features differ between training and serving",
            unit="percentunit",
            queries={"share": "max(keelson_monitor_training_serving_skew)"},
        ),
        Panel(
            title="Since the last window",
            unit="s",
            queries={"age": "time() - max(keelson_monitor_last_window_timestamp_seconds)"},
        ),
        Panel(
            title="Commands of the monitor that failed in an hour",
            unit="short",
            queries={"{{command}}": "sum by (command) (increase(keelson_monitor_failures_total[1h]))"},
        ),
    ),
)
