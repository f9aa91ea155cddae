"""The monitor's rows as metrics. They are asked of the database at each scrape: what is not known is not told.

A database that does not answer fails the scrape. The names are those of ``MONITOR`` in ``infra.observability.metrics``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from components import pipeline_results, releases
from components.platform import Platform
from monitoring import state_tables
from monitoring.policy import Action
from monitoring.settings import MonitoringSettings
from monitoring.state_tables import Outcome, Result, open_state

# Of ``Measures``, what each says of the newest window.
_SINGLE = {
    "drifted_share": "Share of the columns that drifted in the newest window.",
    "prediction_drift": "Drift of the predictions in the newest window.",
    "label_coverage": "Share of the newest window's due labels that have arrived.",
    "labelled_rows": "Labels of the newest window that have arrived.",
    "training_serving_skew": "Largest share of rows in which a feature differs from training.",
}
# Likewise, with the label that its values are told apart by.
_LABELLED = {
    "feature_drift": ("Drift in the newest window.", "feature"),
    "feature_drifted": ("1 where the drift in the newest window is more than that of calm ones.", "feature"),
    "mae_seconds": ("Mean absolute error in the newest window.", "slice"),
    "mae_reference_seconds": ("Mean absolute error that is to be expected in the newest window.", "slice"),
}


class MonitorCollector(Collector):
    """Asks the database at each scrape.

    Args:
        platform: Its pipelines' database is asked; missing tables are made.
        settings: The monitor's.
    """

    def __init__(self, platform: Platform, settings: MonitoringSettings) -> None:
        self._state = open_state(platform, settings.database_schema)
        self._pipelines = pipeline_results.open_results(platform)
        releases.open_releases(platform)
        self._cost = settings.stack_cost_dollars_month

    def collect(self) -> Iterable[Metric]:
        """All metrics.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database does not answer.
        """
        with self._state.connect() as connection:
            yield from _monitor(connection)
        with self._pipelines.connect() as connection:
            yield from _pipelines(connection)
            yield from _released(connection)
        cost = "Cost of the stack in a month, US dollars."
        yield _gauge("keelson_stack_cost_dollars_month", cost, self._cost)


def _monitor(connection: Connection) -> Iterator[Metric]:
    outcomes, actions = Counter[str](), Counter[str]()
    for (outcome, action), count in state_tables.counted_windows(connection).items():
        outcomes[outcome] += count
        actions[action] += count
    retrains = state_tables.counted_retrains(connection)
    yield _counter("keelson_monitor_windows", "Windows that were looked at.", "outcome", _from_zero(Outcome, outcomes))
    yield _counter("keelson_monitor_decisions", "Decisions.", "action", _from_zero(Action, actions))
    yield _counter("keelson_monitor_retrains", "Retrainings that ended.", "result", _from_zero(Result, retrains))
    newest = state_tables.newest_measures(connection)
    if newest is None:
        return
    recorded, measures = newest
    name = "keelson_monitor_last_window_timestamp_seconds"
    yield _gauge(name, "When the newest window was kept.", recorded.timestamp())
    known = measures.model_dump(exclude_none=True)
    for name, said in _SINGLE.items():
        if name in known:
            yield _gauge(f"keelson_monitor_{name}", said, known[name])
    for name, (said, label) in _LABELLED.items():
        yield _gauges(f"keelson_monitor_{name}", said, label, known[name])


def _pipelines(connection: Connection) -> Iterator[Metric]:
    runs = CounterMetricFamily("keelson_pipeline_runs", "Pipeline runs that ended.", labels=["pipeline", "status"])
    for labels, count in pipeline_results.counted(connection).items():
        runs.add_metric(labels, count)
    yield runs
    seconds = pipeline_results.newest_seconds(connection)
    yield _gauges("keelson_pipeline_run_seconds", "How long the newest run took.", "pipeline", seconds)


def _released(connection: Connection) -> Iterator[Metric]:
    ended = releases.counted(connection)
    yield _counter("keelson_releases", "Releases that ended.", "result", ended)


def _from_zero(values: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    """With every value there from the start, a first event is an increase."""
    return dict.fromkeys(values, 0) | dict(counts)


def _counter(name: str, said: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, said, labels=[label])
    for value, count in counts.items():
        # What people are told as `rolled back` is `rolled_back` to queries.
        family.add_metric([value.replace(" ", "_")], count)
    return family


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(name, said, value=value)


def _gauges(name: str, said: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, said, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
