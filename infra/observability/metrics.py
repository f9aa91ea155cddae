"""Where metrics are served, and the names of those that the monitor serves."""

from enum import Enum


class Where(Enum):
    """On which stacks a query finds series."""

    EVERYWHERE = "every stack"
    CLUSTER = "a cluster"


MONITOR = frozenset(
    {
        "keelson_monitor_windows_total",
        "keelson_monitor_feature_drift",
        "keelson_monitor_feature_drifted",
        "keelson_monitor_drifted_share",
        "keelson_monitor_prediction_drift",
        "keelson_monitor_mae_seconds",
        "keelson_monitor_mae_reference_seconds",
        "keelson_monitor_label_coverage",
        "keelson_monitor_labelled_rows",
        "keelson_monitor_last_window_timestamp_seconds",
        "keelson_monitor_decisions_total",
        "keelson_monitor_retrains_total",
        "keelson_monitor_failures_total",
        "keelson_monitor_training_serving_skew",
        "keelson_pipeline_runs_total",
        "keelson_pipeline_run_seconds",
        "keelson_releases_total",
        "keelson_stack_cost_dollars_month",
    }
)
