"""The KFP face of ``monitoring.watch``."""

from typing import NamedTuple

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def watch() -> NamedTuple("Watched", [("windows", int), ("retraining", str)]):  # pyright: ignore[reportInvalidTypeForm]
    """Measure each window of predictions that is due, and decide; what is found is kept in the monitor's tables.

    Gives the number of windows, and ``yes`` where a retraining was decided on, now or before, and has not ended.
    """
    from datetime import UTC, datetime

    from components.platform import Platform
    from monitoring.settings import MonitoringSettings
    from monitoring.state_tables import is_retraining, open_state
    from monitoring.watch import watch as look

    platform, settings = Platform(), MonitoringSettings()  # pyright: ignore[reportCallIssue]
    found = look(platform, settings, datetime.now(UTC))
    waits = is_retraining(open_state(platform, settings.database_schema))
    return (len(found), "yes" if waits else "no")
