"""The tables of what the service predicted and of how it came out, filled from its journals by ``monitoring.collect``.

``segment`` and ``offset`` say in which file of the journals a line stood and at which byte: no two rows share them, and
the later of two lines that were written in the same millisecond is the one behind.
"""

import pyarrow as pa

from components import contract

PREDICTION_LOG, OUTCOME_LOG = "prediction_log", "outcome_log"
ANSWER, SHADOW = "answer", "shadow"

DAY, AT, REQUEST, INDEX = "day", "at", "request_id", "index"
VARIANT, ROLE, MODEL_VERSION, BUNDLE = "variant", "role", "model_version", "bundle"
MILLISECONDS, DEGRADED, PREDICTED = "milliseconds", "degraded", "predicted_seconds"
SEGMENT, OFFSET = "segment", "offset"
# What a trip says of itself; its distance and passengers are among the model's features.
TRIP = (contract.PICKUP_TIME, contract.PICKUP_ZONE, contract.DROPOFF_ZONE)

_MOMENT = pa.timestamp("us", tz="UTC")
# The day is that of ``at``, in UTC; tables are partitioned by it.
PREDICTION_SCHEMA = pa.schema(
    [
        (DAY, pa.date32()),
        (AT, _MOMENT),
        (REQUEST, pa.string()),
        (INDEX, pa.int64()),
        (VARIANT, pa.string()),
        (ROLE, pa.string()),
        (MODEL_VERSION, pa.string()),
        (BUNDLE, pa.string()),
        (MILLISECONDS, pa.float64()),
        (DEGRADED, pa.bool_()),
        (contract.PICKUP_TIME, pa.timestamp("us")),
        (contract.PICKUP_ZONE, pa.int64()),
        (contract.DROPOFF_ZONE, pa.int64()),
        *((name, pa.float64()) for name in contract.MODEL_FEATURES),
        (PREDICTED, pa.float64()),
        (SEGMENT, pa.string()),
        (OFFSET, pa.int64()),
    ]
)
OUTCOME_SCHEMA = pa.schema(
    [
        (DAY, pa.date32()),
        (AT, _MOMENT),
        (REQUEST, pa.string()),
        (INDEX, pa.int64()),
        (contract.TARGET, pa.float64()),
        (SEGMENT, pa.string()),
        (OFFSET, pa.int64()),
    ]
)
