"""Rules on what the monitor finds: drift, quality, labels, and what it decides."""

from infra.observability.rules.rule import Alert, Group

_MODELS = Group(
    name="models",
    rules=(
        Alert(
            name="FeaturesDrift",
            measure="keelson_monitor_drifted_share",
            condition="> 0.5",
            minutes=60,
            severity="warning",
            summary="More than half of the features are distributed otherwise than in training",
        ),
        Alert(
            name="PredictionsDrift",
            # A window is a day. What Prometheus makes of two events is a little more or less than two.
            measure='increase(keelson_monitor_windows_total{outcome="drift"}[50h])',
            condition="> 1.5",
            minutes=0,
            severity="warning",
            summary="Of the last three windows two drifted",
        ),
        Alert(
            name="ModelDegraded",
            measure='increase(keelson_monitor_windows_total{outcome="degraded"}[6h])',
            condition="> 0",
            minutes=0,
            severity="critical",
            summary="The champion's error on late labels is above what its reference lets expect",
        ),
        Alert(
            name="ErrorAboveReference",
            measure="max by (slice) (keelson_monitor_mae_seconds) "
            "/ max by (slice) (keelson_monitor_mae_reference_seconds)",
            condition="> 1.25",
            minutes=120,
            severity="warning",
            summary="In a slice, the error is a quarter above what the champion's reference lets expect of it",
        ),
        Alert(
            name="SchemaSkew",
            measure='increase(keelson_monitor_windows_total{outcome="schema_skew"}[1h])',
            condition="> 0",
            minutes=0,
            severity="critical",
            summary="Requests lack a column, or have one of another type, so nothing is computed from them",
        ),
        Alert(
            name="TrainingServingSkew",
            measure="keelson_monitor_training_serving_skew",
            # Below that it may be trips that ended while a prediction was made (``monitoring.skew``).
            condition="> 0.05",
            minutes=30,
            severity="critical",
            summary="Serving computes other features than training did for the same trips",
        ),
        Alert(
            name="LabelCoverageLow",
            measure="keelson_monitor_label_coverage",
            condition="< 0.8",
            minutes=120,
            severity="warning",
            summary="Of the trips that must have ended, a fifth or more has no label, so quality is not known",
        ),
        Alert(
            name="MonitorStale",
            measure="time() - keelson_monitor_last_window_timestamp_seconds",
            # A window is a day.
            condition="> 30 * 3600",
            minutes=15,
            severity="warning",
            summary="The window that is due for six hours is not there",
        ),
        Alert(
            name="MonitorFails",
            # Once may be a service that restarted.
            measure="sum by (command) (increase(keelson_monitor_failures_total[1h]))",
            condition="> 2.5",
            minutes=0,
            severity="warning",
            summary="A command of the monitor fails again and again",
        ),
        Alert(
            name="MonitorStops",
            measure='increase(keelson_monitor_decisions_total{action="stop"}[1h])',
            condition="> 0",
            minutes=0,
            severity="critical",
            summary="The monitor decided that retraining cannot mend what it sees: somebody must look",
        ),
        Alert(
            name="RetrainingFails",
            measure='increase(keelson_monitor_retrains_total{result="failed"}[6h])',
            condition="> 0",
            minutes=0,
            severity="warning",
            summary="A training run that the monitor started failed",
        ),
        Alert(
            name="ModelWaitsForRelease",
            # Where no release command is set, as on a cluster, each good model ends so.
            measure='increase(keelson_monitor_retrains_total{result="held"}[6h])',
            condition="> 0",
            minutes=0,
            severity="warning",
            summary="A model that was retrained passed its gates and waits for a release",
        ),
    ),
)


def groups() -> tuple[Group, ...]:
    """Rules on models and their inputs."""
    return (_MODELS,)
