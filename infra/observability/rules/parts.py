"""Rules on serving, features, pipelines, releases and monitoring itself, on every stack."""

from infra.observability.metrics import Where
from infra.observability.rules.limits import Limits
from infra.observability.rules.rule import Alert, Group, Recording

# USD that a month costs at the rate of now.
COST = "stack:cost_dollars_month:sum"
_AT_REST = "max(keelson_stack_cost_dollars_month)"
# What Karpenter's machines cost in an hour, by the prices that it goes by, over a month of 730 hours.
_MACHINES = "730 * (sum(karpenter_nodepools_cost_total) or vector(0))"
_SERVING = Group(
    name="serving",
    rules=(
        Alert(
            name="FeaturesMissing",
            # Without a hit there is no series of hits, and then there are none.
            measure='1 - (sum by (feature_view) (rate(feast_online_features_status_total{status="present"}[15m])) '
            "or 0 * sum by (feature_view) (rate(feast_online_features_status_total[15m]))) "
            "/ sum by (feature_view) (rate(feast_online_features_status_total[15m]))",
            condition="> 0.9",
            minutes=15,
            severity="warning",
            summary="Of a feature view, nine in ten values that predictions ask for are not there",
        ),
        Alert(
            name="PredictionsDegraded",
            measure="sum(rate(keelson_serving_degraded_predictions_total[5m])) "
            "/ sum(rate(keelson_serving_predictions_total[5m]))",
            condition="> 0.5",
            minutes=5,
            severity="critical",
            summary="Most trips are predicted without the feature store",
        ),
        Alert(
            name="PredictionLogFails",
            measure="sum(increase(keelson_serving_log_failures_total[15m]))",
            condition="> 0",
            minutes=5,
            severity="warning",
            summary="Predictions are not logged, so nobody will know how good they were",
        ),
    ),
)
_PIPELINES = Group(
    name="pipelines",
    rules=(
        Alert(
            name="PipelineRunFailed",
            measure='sum by (pipeline) (increase(keelson_pipeline_runs_total{status="failed"}[1h]))',
            condition="> 0",
            minutes=0,
            severity="warning",
            summary="A pipeline run failed",
        ),
        Alert(
            name="WorkflowFailed",
            measure="sum(increase(resource_manager_workflow_runs_failed[1h]))",
            condition="> 0",
            minutes=0,
            severity="warning",
            summary="A workflow of Kubeflow Pipelines failed",
            where=Where.CLUSTER,
        ),
        Alert(
            name="WorkflowsWait",
            measure="sum(argo_workflows_queue_depth_gauge)",
            condition="> 50",
            minutes=15,
            severity="warning",
            summary="Workflows wait for the controller",
            where=Where.CLUSTER,
        ),
    ),
)
_RELEASES = Group(
    name="releases",
    rules=(
        Alert(
            name="ReleaseRolledBack",
            measure='increase(keelson_releases_total{result="rolled_back"}[1h])',
            condition="> 0",
            minutes=0,
            severity="warning",
            summary="A model version was tried on live requests and taken back",
        ),
        Alert(
            name="RolloutStuck",
            measure='max by (name, namespace) (rollout_info{phase=~"Degraded|Paused"})',
            condition="> 0",
            minutes=60,
            severity="warning",
            summary="For an hour a roll-out has neither gone on nor back",
            where=Where.CLUSTER,
        ),
    ),
)
_MONITORING = Group(
    name="monitoring",
    rules=(
        Alert(
            name="TargetDown",
            measure="min by (job) (up)",
            condition="== 0",
            minutes=5,
            severity="critical",
            summary="Prometheus cannot reach a service",
        ),
        Alert(
            name="RulesFail",
            measure="sum(increase(prometheus_rule_evaluation_failures_total[15m]))",
            condition="> 0",
            minutes=0,
            severity="critical",
            summary="Alerts and recordings are not computed",
        ),
        Alert(
            name="NotificationsFail",
            measure="sum(increase(alertmanager_notifications_failed_total[15m]))",
            condition="> 0",
            minutes=5,
            severity="critical",
            summary="Alerts do not arrive where they are sent",
        ),
    ),
)


def groups(limits: Limits) -> tuple[Group, ...]:
    """Rules on the parts that every stack has."""
    return (_SERVING, *_features(limits), _PIPELINES, _RELEASES, _cost(limits), _MONITORING)


def _features(limits: Limits) -> tuple[Group, ...]:
    if limits.features_hours is None:
        return ()
    stale = Alert(
        name="FeaturesStale",
        measure="max by (feature_view) (feast_feature_freshness_seconds)",
        condition=f"> {limits.features_hours} * 3600",
        minutes=15,
        severity="warning",
        summary=f"Online features are older than {limits.features_hours} hours: materialisation does not keep up",
    )
    return (Group(name="features", rules=(stale,)),)


def _cost(limits: Limits) -> Group:
    rate = Recording(
        name=COST,
        query=f"{_AT_REST} + {_MACHINES}" if limits.machines_come_and_go else _AT_REST,
        where=Where.CLUSTER if limits.machines_come_and_go else Where.EVERYWHERE,
    )
    above = Alert(
        name="CostAboveBudget",
        measure=COST,
        condition=f"> {limits.dollars_month}",
        minutes=60,
        severity="warning",
        summary=f"At this rate the stack costs more than its {limits.dollars_month} USD a month",
    )
    return Group(name="cost", rules=(rate, above))
