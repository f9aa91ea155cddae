"""The use case in one place: what a trip is, what is predicted, and what everything is called.

A fork that predicts something else starts here. Only the standard library is used, so that every
part of the stack (pipeline steps, serving bundle, monitor) can read the contract at no cost.

The columns are those of the public New York TLC yellow-taxi trip records:
https://www.nyc.gov/site/tlc/about/tlc-trip-record-data.page
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Storage type of a column, in the words of Arrow."""

    INTEGER = "int64"
    FLOAT = "float64"
    TEXT = "string"
    TIMESTAMP = "timestamp[us]"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a trip record.

    Attributes:
        name: Name in the TLC files.
        kind: Storage type after ingestion.
        unit: Physical unit, or what the numbers mean.
        required: A source without a required column is refused; any other missing column is null.
        nullable: Whether single values may be missing.
        minimum: Smallest sensible value, inclusive.
        maximum: Largest sensible value, inclusive.
        allowed: The closed set of values, where there is one.
    """

    name: str
    kind: Kind
    unit: str
    required: bool = False
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[int | str, ...] | None = None


PICKUP_TIME = "tpep_pickup_datetime"
DROPOFF_TIME = "tpep_dropoff_datetime"
PICKUP_ZONE = "PULocationID"
DROPOFF_ZONE = "DOLocationID"
DISTANCE = "trip_distance"
PASSENGERS = "passenger_count"

# TLC zones are numbered 1 to 263; 264 and 265 stand for "unknown" and "outside the city".
FIRST_ZONE, LAST_ZONE = 1, 265
AIRPORT_ZONES = {1: "Newark", 132: "JFK", 138: "LaGuardia"}

COLUMNS: tuple[Column, ...] = (
    Column(name="VendorID", kind=Kind.INTEGER, unit="TLC code", allowed=(1, 2, 6, 7)),
    Column(
        name=PICKUP_TIME,
        kind=Kind.TIMESTAMP,
        unit="New York wall clock",
        required=True,
        nullable=False,
    ),
    Column(
        name=DROPOFF_TIME,
        kind=Kind.TIMESTAMP,
        unit="New York wall clock",
        required=True,
        nullable=False,
    ),
    Column(
        name=PASSENGERS,
        kind=Kind.INTEGER,
        unit="people",
        required=True,
        minimum=0,
        maximum=9,
    ),
    Column(
        name=DISTANCE,
        kind=Kind.FLOAT,
        unit="miles",
        required=True,
        nullable=False,
        minimum=0.0,
        maximum=200.0,
    ),
    Column(
        name="RatecodeID",
        kind=Kind.INTEGER,
        unit="TLC code",
        allowed=(1, 2, 3, 4, 5, 6, 99),
    ),
    Column(name="store_and_fwd_flag", kind=Kind.TEXT, unit="Y or N", allowed=("Y", "N")),
    Column(
        name=PICKUP_ZONE,
        kind=Kind.INTEGER,
        unit="TLC zone",
        required=True,
        nullable=False,
        minimum=FIRST_ZONE,
        maximum=LAST_ZONE,
    ),
    Column(
        name=DROPOFF_ZONE,
        kind=Kind.INTEGER,
        unit="TLC zone",
        required=True,
        nullable=False,
        minimum=FIRST_ZONE,
        maximum=LAST_ZONE,
    ),
    Column(
        name="payment_type",
        kind=Kind.INTEGER,
        unit="TLC code",
        allowed=(0, 1, 2, 3, 4, 5, 6),
    ),
    Column(name="fare_amount", kind=Kind.FLOAT, unit="US dollars"),
    Column(name="extra", kind=Kind.FLOAT, unit="US dollars"),
    Column(name="mta_tax", kind=Kind.FLOAT, unit="US dollars"),
    Column(name="tip_amount", kind=Kind.FLOAT, unit="US dollars"),
    Column(name="tolls_amount", kind=Kind.FLOAT, unit="US dollars"),
    Column(name="improvement_surcharge", kind=Kind.FLOAT, unit="US dollars"),
    Column(name="total_amount", kind=Kind.FLOAT, unit="US dollars"),
    Column(name="congestion_surcharge", kind=Kind.FLOAT, unit="US dollars"),
    Column(name="Airport_fee", kind=Kind.FLOAT, unit="US dollars"),
)
# Spellings and columns that appear in some years of the public files.
ALIASES = {"airport_fee": "Airport_fee"}
# Columns of some years that are left out; one that is not named here or above is schema skew.
IGNORED_COLUMNS = frozenset({"cbd_congestion_fee"})

# A trip is at least one second and under four hours; longer or negative ones are recording faults.
MIN_DURATION_SECONDS = 1.0
MAX_DURATION_SECONDS = 4 * 3600.0

TARGET = "duration_seconds"

# Entity keys of the feature store.
ZONE_KEY = "zone_id"
PAIR_KEY = "zone_pair_id"
PAIR_FACTOR = 1000
EVENT_TIME = "event_timestamp"

FEAST_PROJECT = "keelson"
FEATURE_SERVICE = "trip_duration_v1"

ZONE_FEATURES: tuple[str, ...] = (
    "zone_trips_1h",
    "zone_mean_speed_1h",
    "zone_mean_duration_1h",
    "zone_trips_4w",
    "zone_mean_speed_4w",
    "zone_mean_duration_4w",
)
PAIR_FEATURES: tuple[str, ...] = (
    "pair_trips_4w",
    "pair_mean_duration_4w",
    "pair_mean_speed_4w",
)
REQUEST_FEATURES: tuple[str, ...] = (
    "hour",
    "weekday",
    "is_holiday",
    "is_airport",
    "trip_distance",
    "passenger_count",
)
# The model's input, in this order. Zone features are those of the pick-up zone.
MODEL_FEATURES: tuple[str, ...] = REQUEST_FEATURES + ZONE_FEATURES + PAIR_FEATURES

MODEL_NAME = "trip-duration"
EXPERIMENT = "trip-duration"
CHAMPION, CHALLENGER = "champion", "challenger"
BUNDLE_NAME = "trip_duration"


def pair_id(pickup_zone: int, dropoff_zone: int) -> int:
    """The key of a pick-up and drop-off pair, e.g. ``pair_id(132, 7) == 132007``."""
    return pickup_zone * PAIR_FACTOR + dropoff_zone
