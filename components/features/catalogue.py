"""Every feature of the model once: what it means, its unit, who owns it, and when it is missing.

Only the standard library and the contract are used, so that the serving bundle can read the catalogue at no cost. The
feature store's definitions, the table of docs/features.md (``python -m components.features.catalogue``) and both
readers of features are made from it.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from components import contract

OWNER = "trip-duration"

# What a feature is for an entity that the store does not know, in training and in serving: missing. Every model family
# tells a missing value from a number and has seen some while it learned. A number in its place, such as a city's mean,
# would look known, and would be another one at training than at serving.
DEFAULT = math.nan

_TRIPS, _SECONDS, _SPEED, _FLAG = "trips", "seconds", "miles per hour", "0 or 1"
_UNKNOWN_ZONE = "no trip from the zone is known"
_UNKNOWN_PAIR = "no trip of the pair ended for four weeks"


class Source(StrEnum):
    """Where a feature comes from: what is stored of a zone or of a pair of zones, or the request itself."""

    ZONE = "zone"
    PAIR = "zone pair"
    REQUEST = "request"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One input of the model.

    Attributes:
        name: As in the contract.
        source: Where it comes from.
        meaning: What it says; "before" is before the snapshot that is read.
        unit: Of its numbers.
        missing: When it has its default.
        owner: Who answers for it.
    """

    name: str
    source: Source
    meaning: str
    unit: str
    missing: str
    owner: str = OWNER


def _feature(source: Source, name: str, meaning: str, unit: str, missing: str = "never") -> Feature:
    return Feature(name=name, source=source, meaning=meaning, unit=unit, missing=missing)


def _stored(source: Source, prefix: str, span: str, trips: str, unknown: str) -> dict[str, Feature]:
    """Number, mean speed and mean duration of some trips, by name."""
    none_ended = f"{unknown}, or none ended within the time"
    made = (
        _feature(source, f"{prefix}_trips_{span}", f"Number of trips {trips}", _TRIPS, unknown),
        _feature(
            source,
            f"{prefix}_mean_speed_{span}",
            f"Total distance over total time of trips {trips}",
            _SPEED,
            none_ended,
        ),
        _feature(source, f"{prefix}_mean_duration_{span}", f"Mean duration of trips {trips}", _SECONDS, none_ended),
    )
    return {feature.name: feature for feature in made}


_STORED = {
    **_stored(Source.ZONE, "zone", "1h", "from the zone that ended within the hour of the snapshot", _UNKNOWN_ZONE),
    **_stored(Source.ZONE, "zone", "4w", "from the zone that ended within the four weeks before", _UNKNOWN_ZONE),
    **_stored(Source.PAIR, "pair", "4w", "from zone to zone that ended within the four weeks before", _UNKNOWN_PAIR),
}

FEATURES: tuple[Feature, ...] = (
    _feature(Source.REQUEST, "hour", "Hour of the day at which the trip begins, by New York's clock", "0 to 23"),
    _feature(Source.REQUEST, "weekday", "Day of the week on which the trip begins", "0 (Monday) to 6"),
    _feature(
        Source.REQUEST, "is_holiday", "The trip begins on a public holiday of New York or a day it is observed", _FLAG
    ),
    _feature(Source.REQUEST, "is_airport", "The trip begins or ends at JFK, LaGuardia or Newark", _FLAG),
    _feature(Source.REQUEST, contract.DISTANCE, "Distance of the trip", "miles"),
    _feature(Source.REQUEST, contract.PASSENGERS, "People carried", "people", "the request does not say"),
    *(_STORED[name] for name in contract.ZONE_FEATURES + contract.PAIR_FEATURES),
)


def of(source: Source) -> tuple[Feature, ...]:
    """The features of a source, in the model's order."""
    return tuple(feature for feature in FEATURES if feature.source is source)


def markdown() -> str:
    """The table of docs/features.md."""
    head = ["feature", "of", "meaning", "unit", "missing when", "owner"]
    rows = [head, ["---"] * len(head)]
    rows += [[f"`{f.name}`", f.source.value, f.meaning, f.unit, f.missing, f.owner] for f in FEATURES]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(markdown())
