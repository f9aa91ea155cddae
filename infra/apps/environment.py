"""Variables that more than one application of the cluster layer is started with."""

from collections.abc import Mapping

# No application of the stack reports to its makers.
NO_TELEMETRY: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "FEAST_USAGE": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}

# Nobody reads the journals on a pod's disk, and who forgets somebody does not reach them.
JOURNALS_GO_AT_ONCE: Mapping[str, str] = {"KEELSON_JOURNAL_RETENTION_DAYS": "0"}
