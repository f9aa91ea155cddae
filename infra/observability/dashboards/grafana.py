"""Dashboards in Grafana's own format, written by its typed library."""

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from infra.observability.dashboards.panel import Dashboard, Panel

# Of 24 columns; two graphs side by side, four numbers.
_HEIGHT, _WIDTH = 8, {"course": 12, "now": 6}
_SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")


def uid(name: str) -> str:
    """What stands in the dashboard's address."""
    return f"keelson-{name}"


def text(name: str, given: Dashboard) -> str:
    """The dashboard ``name`` as Grafana reads it: the last six hours, new every minute."""
    made = (
        dashboard.Dashboard(f"Keelson: {given.title}")
        .uid(uid(name))
        .description(given.purpose)
        .tags(["keelson"])
        .readonly()
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
    )
    for number, panel in enumerate(given.panels, start=1):
        made.with_panel(_panel(number, panel))
    return JSONEncoder(indent=1, sort_keys=True).encode(made.build()) + "\n"


def _panel(number: int, panel: Panel) -> timeseries.Panel | stat.Panel:
    made = _numbers() if panel.shows == "now" else _graph()
    for letter, (legend, query) in zip("ABCDEFGH", panel.queries.items(), strict=False):
        target = prometheus.Dataquery().ref_id(letter).expr(query).legend_format(legend).datasource(_SOURCE)
        made.with_target(target.instant() if panel.shows == "now" else target.range())
    made.id(number).title(panel.title).description(f"Served on {panel.where.value}.").datasource(_SOURCE)
    return made.unit(panel.unit).span(_WIDTH[panel.shows]).height(_HEIGHT)


def _graph() -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True)
    legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return timeseries.Panel().legend(legend).line_width(1).fill_opacity(10)


def _numbers() -> stat.Panel:
    newest = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().reduce_options(newest).color_mode(BigValueColorMode.VALUE).graph_mode(BigValueGraphMode.NONE)
