"""What does it cost, and what for?"""

from infra.observability.dashboards.panel import Dashboard, Panel, of_cluster
from infra.observability.rules.parts import COST

DASHBOARD = Dashboard(
    title="Cost",
    purpose="What does it cost, and what for?",
    panels=(
        Panel(
            title="Cost a month, at this rate",
            unit="currencyUSD",
            queries={"stack": COST},
        ),
        Panel(
            title="Cost of a thousand predictions, at this rate",
            unit="currencyUSD",
            queries={"cost": f"{COST} / 730 / 3.6 / sum(rate(keelson_serving_predictions_total[1h]))"},
        ),
        Panel(
            title="Predictions in an hour",
            unit="short",
            queries={"predictions": "sum(increase(keelson_serving_predictions_total[1h]))"},
        ),
        Panel(
            title="Processor hours in an hour",
            unit="short",
            queries={"{{job}}": "sum by (job) (rate(process_cpu_seconds_total[1h]))"},
        ),
        of_cluster(
            "Cost of machines that come and go, an hour",
            "currencyUSD",
            {"{{nodepool}}": "sum by (nodepool) (karpenter_nodepools_cost_total)"},
        ),
        of_cluster(
            "GPU hours that were paid for and not used, in a day",
            "short",
            {"idle": "sum(sum_over_time((1 - DCGM_FI_DEV_GPU_UTIL / 100)[1d:5m])) / 12"},
        ),
        of_cluster(
            "Nodes by type",
            "short",
            {"{{instance_type}}": 'count by (instance_type) (karpenter_nodes_allocatable{resource_type="cpu"})'},
        ),
    ),
)
