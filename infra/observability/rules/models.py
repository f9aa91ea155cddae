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
            measure='increase(keelson_monitor_windows_total{outcome="drift"}[6h])',
            condition=">= 2",
            minutes=0,
            severity="warning",
            summary="Drift was found in two windows or more within six hours",
        ),
        Alert(
            name="ModelDegraded",
            measure='increase(keelson_monitor_windows_total{outcome="degraded"}[6h])',
            condition="> 0",
            minutes=0,
            severity="critical",
            summary="The champion's error on late labels is above what its gate let through",
        ),
        Alert(
            name="ErrorAboveReference",
            measure="max by (slice) (keelson_monitor_mae_seconds) "
            "/ on () group_left () max(keelson_monitor_mae_reference_seconds)",
            condition="> 1.25",
            minutes=120,
            severity="warning",
            summary="In a slice, the error is a quarter above that of the test before the release",
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
            condition="> 0.01",
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
            condition="> 3 * 3600",
            minutes=15,
            severity="warning",
            summary="For three hours the monitor has finished no window",
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
    ),
)


def groups() -> tuple[Group, ...]:
    """Rules on models and their inputs."""
    return (_MODELS,)
