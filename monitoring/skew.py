"""Training-serving skew: the features that a prediction was made from, beside those that training makes of the trip.

Both should be one number. The online store may lag by what has ended since it was last written: a few rows may differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from components import contract, thresholds
from monitoring.columns import EVENT_KEY, STORED

# Rows that may differ in a feature, as a share: trips that ended while the prediction was made.
MAX_SKEWED_SHARE = 0.05
MIN_ROWS = 100


@dataclass(frozen=True)
class FeatureSkew:
    """A feature of the rows that are in both.

    Attributes:
        feature: Its name.
        rows: How many were compared.
        differing: How many are not the same, missing ones among them.
    """

    feature: str
    rows: int
    differing: int

    @property
    def skewed(self) -> bool:
        """Whether more rows differ than the online store's lag explains."""
        return self.differing > MAX_SKEWED_SHARE * self.rows


@dataclass(frozen=True)
class SkewResult:
    """All features; none where there was not enough data, and ``reason`` says so."""

    features: tuple[FeatureSkew, ...]
    reason: str

    @property
    def skewed(self) -> tuple[FeatureSkew, ...]:
        """Those with too many rows that differ."""
        return tuple(one for one in self.features if one.skewed)

    def told(self) -> str:
        """The finding in words."""
        names = ", ".join(f"{one.feature} in {one.differing} of {one.rows} rows" for one in self.skewed)
        cause = "the feature store is stale" if self._only_stored() else "training and serving differ"
        return f"{cause}: {names}" if names else "no training-serving skew"

    def _only_stored(self) -> bool:
        return all(one.feature in STORED for one in self.skewed)


def compare_features(
    logged: pl.DataFrame, recomputed: pl.DataFrame, features: Sequence[str] = contract.MODEL_FEATURES
) -> SkewResult:
    """Compare two frames with EVENT_KEY and the features, in any order; an event that only one has is left out."""
    both = logged.select(*EVENT_KEY, *features).join(
        recomputed.select(*EVENT_KEY, *features), on=EVENT_KEY, suffix="_again"
    )
    if both.height < MIN_ROWS:
        return SkewResult((), f"not enough data: {both.height} rows are in both, {MIN_ROWS} are wanted")
    counts = both.select(_differs(name).sum().alias(name) for name in features).row(0)
    return SkewResult(
        tuple(FeatureSkew(name, both.height, int(count)) for name, count in zip(features, counts, strict=True)), ""
    )


def _differs(name: str) -> pl.Expr:
    one, again = (pl.col(column).cast(pl.Float64).fill_nan(None) for column in (name, f"{name}_again"))
    allowed = thresholds.PARITY_TOLERANCE * pl.max_horizontal(one.abs(), again.abs())
    return ~pl.when(one.is_null() | again.is_null()).then(one.is_null() & again.is_null()).otherwise(
        (one - again).abs() <= allowed
    )
