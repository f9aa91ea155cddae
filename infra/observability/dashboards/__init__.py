"""All dashboards, by the name that is part of their addresses."""

from collections.abc import Mapping

from infra.observability.dashboards import cost, delivery, features, models, overview, pipelines, platform, serving
from infra.observability.dashboards.panel import Dashboard, Panel

__all__ = ["DASHBOARDS", "Dashboard", "Panel"]

DASHBOARDS: Mapping[str, Dashboard] = {
    "overview": overview.DASHBOARD,
    "serving": serving.DASHBOARD,
    "models": models.DASHBOARD,
    "features": features.DASHBOARD,
    "pipelines": pipelines.DASHBOARD,
    "platform": platform.DASHBOARD,
    "cost": cost.DASHBOARD,
    "delivery": delivery.DASHBOARD,
}
