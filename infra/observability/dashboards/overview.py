"""Is everything well?"""

from infra.observability.dashboards.panel import Dashboard, Panel, quantile
from infra.observability.rules.parts import COST

DASHBOARD = Dashboard(
    title="Overview",
    purpose="Is everything well, and where should I look next?",
    panels=(
        Panel(
            title="Alerts that fire",
            unit="short",
            queries={
                "critical": 'count(ALERTS{alertstate="firing", severity="critical"}) or vector(0)',
                "warning": 'count(ALERTS{alertstate="firing", severity="warning"}) or vector(0)',
            },
            shows="now",
        ),
        Panel(title="Services that answer", unit="short", queries={"{{job}}": "min by (job) (up)"}, shows="now"),
        Panel(
            title="Error budget of a month, left by three days",
            unit="percentunit",
            queries={
                "availability": '1 - objective:errors:ratio_rate3d{objective="serving-availability"} / 0.001 * 3 / 30',
                "latency": '1 - objective:errors:ratio_rate3d{objective="serving-latency"} / 0.01 * 3 / 30',
            },
            shows="now",
        ),
        Panel(
            title="Cost a month, at this rate",
            unit="currencyUSD",
            queries={"stack": COST},
            shows="now",
        ),
        Panel(title="Requests", unit="reqps", queries={"all": "sum(rate(keelson_serving_requests_total[5m]))"}),
        Panel(
            title="Time to answer",
            unit="s",
            queries={"99 %": quantile("keelson_serving_request_seconds", 0.99)},
        ),
        Panel(
            title="Mean absolute error",
            unit="s",
            queries={
                "now": 'max(keelson_monitor_mae_seconds{slice="all"})',
                "expected": 'max(keelson_monitor_mae_reference_seconds{slice="all"})',
            },
        ),
        Panel(
            title="Features that drifted",
            unit="percentunit",
            queries={"share": "max(keelson_monitor_drifted_share)"},
        ),
    ),
)
