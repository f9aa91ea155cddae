"""What the feature store knows: entities, a view for each source of features, and the service that the model reads.

A source's path is the name of a table in ``components/tables.py``; the offline store resolves it, so the definitions
are the same for every stack.

Features of the request are a view as well, so that they are found beside the others. It holds no code: an on-demand
view of Feast 0.67 keeps its function in the registry as a pickle (``Transformation.to_proto``), which every client that
opens the registry runs, so that whoever may write a row there could run code in training, serving and browser alike.
Here the view only names the features; ``components/features/transform.py`` computes them, in the offline store, in
build_features and in the serving bundle.
"""

import components.features.unchecked  # noqa: F401

# isort: split
from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, Project, RequestSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float64, Int64, UnixTimestamp

from components import contract
from components.contract import Kind
from components.features import catalogue
from components.features.catalogue import OWNER, Source
from components.tables import PAIR_FEATURES_TABLE, ZONE_FEATURES_TABLE

REQUEST_VIEW = "request_features"

# After this time none of the trips behind a snapshot lies within the four weeks that its features speak of.
TIME_TO_LIVE = timedelta(weeks=4)

_REQUEST_COLUMNS = (
    contract.PICKUP_TIME,
    contract.PICKUP_ZONE,
    contract.DROPOFF_ZONE,
    contract.DISTANCE,
    contract.PASSENGERS,
)
_TYPES = {Kind.TIMESTAMP: UnixTimestamp, Kind.INTEGER: Int64, Kind.FLOAT: Float64}

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


def _fields(source: Source) -> list[Field]:
    """The features of a source as Feast describes them."""
    return [
        Field(
            name=feature.name,
            dtype=Float64,
            description=feature.meaning,
            tags={"unit": feature.unit, "missing": feature.missing, "owner": feature.owner},
        )
        for feature in catalogue.of(source)
    ]


def _view(name: str, entity: Entity, key: str, features: list[Field], rhythm: str) -> FeatureView:
    """A view of the table that has the view's name."""
    source = FileSource(
        name=name,
        path=name,
        file_format=DeltaFormat(),
        timestamp_field=contract.EVENT_TIME,
        description=f"Delta table '{name}' of the data bucket",
        owner=OWNER,
    )
    return FeatureView(
        name=name,
        entities=[entity],
        schema=[Field(name=key, dtype=Int64), *features],
        source=source,
        ttl=TIME_TO_LIVE,
        online=True,
        description=f"What ended trips say of a {entity.name.replace('_', ' ')}, {rhythm}",
        tags={"clock": "New York"},
        owner=OWNER,
    )


zone_features = _view(ZONE_FEATURES_TABLE, zone, contract.ZONE_KEY, _fields(Source.ZONE), "at the end of every hour")
pair_features = _view(
    PAIR_FEATURES_TABLE,
    zone_pair,
    contract.PAIR_KEY,
    _fields(Source.PAIR),
    "at the end of every day on which a trip ended",
)

trip_request = RequestSource(
    name="trip_request",
    schema=[
        Field(name=column.name, dtype=_TYPES[column.kind], description=column.unit, tags={"unit": column.unit})
        for column in contract.COLUMNS
        if column.name in _REQUEST_COLUMNS
    ],
    description="What a request for a prediction says of the trip",
    owner=OWNER,
)
request_features = FeatureView(
    name=REQUEST_VIEW,
    entities=[],
    schema=_fields(Source.REQUEST),
    source=trip_request,
    ttl=timedelta(0),
    online=False,
    description="What follows from the request alone; computed by components/features/transform.py wherever it is read",
    tags={"clock": "New York", "computed_by": "components/features/transform.py"},
    owner=OWNER,
)

trip_duration = FeatureService(
    name=contract.FEATURE_SERVICE,
    features=[zone_features, pair_features],
    description="What the trip duration model reads besides the features of the request",
    tags={"request_features": REQUEST_VIEW},
    owner=OWNER,
)
