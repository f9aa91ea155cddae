"""What the feature store knows: two entities, a view of each, and the service that the model reads.

A source's path is the name of a table in ``components/tables.py``; the offline store resolves it, so the definitions
are the same for every stack.
"""

import components.features.unchecked  # noqa: F401

# isort: split
from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, Project, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float64, Int64

from components import contract
from components.tables import PAIR_FEATURES_TABLE, ZONE_FEATURES_TABLE

OWNER = "trip-duration"

# After this time none of the trips behind a snapshot lies within the four weeks that its features speak of.
TIME_TO_LIVE = timedelta(weeks=4)

_TRIPS, _SECONDS, _SPEED = "trips", "seconds", "miles per hour"
_UNITS = {
    "zone_trips_1h": ("Trips that began in the zone and ended within the hour before", _TRIPS),
    "zone_mean_speed_1h": ("Their total distance over their total time", _SPEED),
    "zone_mean_duration_1h": ("Their mean duration", _SECONDS),
    "zone_trips_4w": ("Trips that began in the zone and ended within the four weeks before", _TRIPS),
    "zone_mean_speed_4w": ("Their total distance over their total time", _SPEED),
    "zone_mean_duration_4w": ("Their mean duration", _SECONDS),
    "pair_trips_4w": ("Trips from the one zone to the other that ended within the four weeks before", _TRIPS),
    "pair_mean_duration_4w": ("Their mean duration", _SECONDS),
    "pair_mean_speed_4w": ("Their total distance over their total time", _SPEED),
}

project = Project(name=contract.FEAST_PROJECT, description="Taxi trip duration", owner=OWNER)

zone = Entity(
    name="zone",
    join_keys=[contract.ZONE_KEY],
    value_type=ValueType.INT64,
    description="TLC taxi zone where a trip begins",
    owner=OWNER,
)
zone_pair = Entity(
    name="zone_pair",
    join_keys=[contract.PAIR_KEY],
    value_type=ValueType.INT64,
    description=f"Pick-up and drop-off zone: pick-up * {contract.PAIR_FACTOR} + drop-off",
    owner=OWNER,
)


def _view(name: str, entity: Entity, key: str, features: tuple[str, ...], rhythm: str) -> FeatureView:
    """A view of the table that has the view's name."""
    source = FileSource(
        name=name,
        path=name,
        file_format=DeltaFormat(),
        timestamp_field=contract.EVENT_TIME,
        description=f"Delta table '{name}' of the data bucket",
        owner=OWNER,
    )
    described = [(feature, *_UNITS[feature]) for feature in features]
    fields = [Field(name=n, dtype=Float64, description=text, tags={"unit": unit}) for n, text, unit in described]
    return FeatureView(
        name=name,
        entities=[entity],
        schema=[Field(name=key, dtype=Int64), *fields],
        source=source,
        ttl=TIME_TO_LIVE,
        online=True,
        description=f"What ended trips say of a {entity.name.replace('_', ' ')}, {rhythm}",
        tags={"clock": "New York"},
        owner=OWNER,
    )


zone_features = _view(ZONE_FEATURES_TABLE, zone, contract.ZONE_KEY, contract.ZONE_FEATURES, "at the end of every hour")
pair_features = _view(
    PAIR_FEATURES_TABLE,
    zone_pair,
    contract.PAIR_KEY,
    contract.PAIR_FEATURES,
    "at the end of every day on which a trip ended",
)

trip_duration = FeatureService(
    name=contract.FEATURE_SERVICE,
    features=[zone_features, pair_features],
    description="What the trip duration model reads besides the request itself",
    owner=OWNER,
)
