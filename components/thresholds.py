"""Every number that a gate of the pipeline decides by. Where each comes from is written in docs/product.md."""

from typing import Final

# Validation of data.
MAX_DATA_AGE_DAYS: Final = 120
# Whether older data stop the run, or are only told: a past month is good data for an experiment.
STALE_DATA_STOPS: Final = False
# The share of trips that may repeat another in every column; a file that was delivered twice exceeds it.
MAX_REPEATED_SHARE: Final = 0.001
# The share of missing values in a column that the model needs and that may be missing.
MAX_MISSING_SHARE: Final = 0.5
# Value skew: the share of falsely alarmed data versions, over all columns together, and the least effect that matters.
SKEW_SIGNIFICANCE: Final = 0.01
SKEW_EFFECT: Final = 0.1

# Offline and online features: the largest relative difference between a value and itself.
PARITY_TOLERANCE: Final = 1e-9

# The gate. A candidate's mean absolute error (MAE) relative to the champion's, over all test trips and over a slice.
MAX_RELATIVE_REGRESSION: Final = 0.01
MAX_SLICE_REGRESSION: Final = 0.05
# Slices with fewer test trips say nothing.
MIN_SLICE_ROWS: Final = 100
# At most this share of the baseline's MAE.
MAX_SHARE_OF_BASELINE: Final = 0.95
CONFIDENCE: Final = 0.95

# Prediction intervals hold this share of the trips, give or take the tolerance.
INTERVAL_COVERAGE: Final = 0.8
COVERAGE_TOLERANCE: Final = 0.05

# A release: the share of requests that a challenger may fail on, how much slower than the champion its 99th percentile
# may be, how often it must have been asked at each stage, the share of releases in which the comparison by labels may
# ever be wrong, and the error relative to the champion's that is waited for no longer.
MAX_RELEASE_FAILURE_SHARE: Final = 0.001
MAX_RELEASE_SLOWDOWN: Final = 2.0
MIN_RELEASE_PREDICTIONS: Final = 200
RELEASE_ALPHA: Final = 0.05
MAX_RELEASE_ERROR_RATIO: Final = 2.0

# Budgets of a model in the bundle: one trip on one core, and the model folder.
MAX_MEDIAN_MILLISECONDS: Final = 10.0
MAX_MEGABYTES: Final = 50.0
MAX_RESIDENT_MEGABYTES: Final = 600.0

# Budgets of the running service under `make loadtest` at its default rate: from when a request was due to its answer.
MAX_LOADTEST_P99_MILLISECONDS: Final = 25.0
MAX_LOADTEST_ERROR_SHARE: Final = 0.0

# Budgets of the exported model on a device: the file, one trip on one core, and the largest relative difference from
# what the bundle says.
MAX_EDGE_MEGABYTES: Final = 20.0
MAX_EDGE_P99_MILLISECONDS: Final = 2.0
EDGE_TOLERANCE: Final = 1e-9
