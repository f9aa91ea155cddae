"""The KFP face of ``monitoring.act``."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def retrain() -> str:
    """Carry on with the retraining that was decided on, to its end; returns what came of it, or nothing."""
    from components.platform import Platform
    from monitoring.act import act
    from monitoring.settings import MonitoringSettings

    ended = act(Platform(), MonitoringSettings())  # pyright: ignore[reportCallIssue]
    return "" if ended is None else f"{ended.result}: {ended.said}"
