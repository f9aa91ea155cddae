"""From what a person writes for trips of the service's log to a source whose content is fixed."""

import re
from datetime import datetime, timedelta

from components import tables
from components.platform import Platform
from components.recording import DATA_VERSION, champion
from components.served.source import KIND, ServedTrips, is_served, moment
from components.served.tables import OUTCOME_LOG, PREDICTION_LOG
from components.tracking import Tracking
from components.trips.source_error import SourceError

# Two weeks have each hour of the week twice, and a change of the world that began a week ago is learned from.
USUAL_PERIOD = timedelta(days=14)

_CHAMPION = "champion"
_GIVEN = re.compile(rf"{KIND}(?::(?P<since>[^.+@]+)\.\.(?P<until>[^.+@]+))?(?:\+(?P<base>\d+|{_CHAMPION}))?")


def resolve(platform: Platform, source: str, now: datetime) -> str:
    """A source with all that it leaves out; one that leaves out nothing, and any of another kind, stays as it is.

    ``served`` is the last two weeks together with the data version of the champion, where there is one.
    ``served:<since>..<until>`` is that time alone, with ``+<version>`` or ``+champion`` together with a data version:
    the time is learned from, and the trips of the version are known.

    Args:
        platform: Whose log and champion are meant.
        source: As a person writes it.
        now: With a time zone.

    Raises:
        SourceError: It names nothing, or nothing is in the log.
        components.tracking.TrackingError: MLflow does not answer where the champion is asked for.
    """
    if not is_served(source) or "@" in source:
        return source
    given = _GIVEN.fullmatch(source)
    if given is None:
        raise SourceError(
            f"DATA={source} was given: give {KIND}, or {KIND}:<since>..<until> with times in UTC such as "
            f"2026-01-05T08:00, and +<version of the trips> or +{_CHAMPION} behind it"
        )
    usual = source == KIND
    now = now.replace(microsecond=0)
    since = moment(source, given["since"]) if given["since"] else now - USUAL_PERIOD
    until = moment(source, given["until"]) if given["until"] else now
    base = given["base"]
    if usual or base == _CHAMPION:
        base = _champions_version(platform, source, needed=not usual)
    return ServedTrips(
        since=since,
        until=until,
        base=None if base is None else int(base),
        predictions=_newest(platform, source, PREDICTION_LOG),
        outcomes=_newest(platform, source, OUTCOME_LOG),
    ).name


def _champions_version(platform: Platform, source: str, *, needed: bool) -> str | None:
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        found = champion(tracking)
    if found is None and needed:
        raise SourceError(f"DATA={source}: there is no champion; train a model: make train")
    return None if found is None else found.tags.get(DATA_VERSION)


def _newest(platform: Platform, source: str, table: str) -> int:
    found = tables.latest_version(platform, table)
    if found is None:
        raise SourceError(f"DATA={source}: the table {table} is not there; collect the service's log: make collect")
    return found
