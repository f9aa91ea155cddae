"""Where alerts go: Alertmanager's configuration, by severity."""

from collections.abc import Mapping
from typing import Any

# A critical alert is told within seconds and again every hour; a warning can be gathered and waits for the day.
_ROUTES: Mapping[str, Mapping[str, str]] = {
    "critical": {"group_wait": "10s", "group_interval": "1m", "repeat_interval": "1h"},
    "warning": {"group_wait": "1m", "group_interval": "10m", "repeat_interval": "12h"},
}
# Alerts of it are on Alertmanager's page alone.
_SHOWN = "shown"


def configuration(webhook: Mapping[str, str] | None) -> dict[str, Any]:
    """Alertmanager's configuration.

    Args:
        webhook: ``{"url": ...}`` or ``{"url_file": ...}`` of what is told of alerts; ``None`` means that they are shown
            and nobody is told.
    """
    told = {"webhook_configs": [{**webhook, "send_resolved": True}]} if webhook else {}
    return {
        "route": {
            "receiver": _SHOWN,
            "group_by": ["alertname", "namespace", "job"],
            "routes": [
                {"receiver": severity, "matchers": [f'severity="{severity}"'], **timing}
                for severity, timing in _ROUTES.items()
            ],
        },
        "receivers": [{"name": _SHOWN}, *({"name": severity, **told} for severity in _ROUTES)],
        "inhibit_rules": [
            {
                # Who is told that a budget burns fast need not be told that it burns slowly.
                "source_matchers": ['alertname=~".*FastBurn"'],
                "target_matchers": ['alertname=~".*SlowBurn"'],
                "equal": ["objective"],
            }
        ],
    }
