"""Variables that every application of the cluster layer is started with."""

from collections.abc import Mapping

# No application of the stack reports to its makers.
NO_TELEMETRY: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "FEAST_USAGE": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
