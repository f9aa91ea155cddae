"""The version of each pipeline component; `python -m pipelines.compile --bump` raises those of what changed."""

COMPONENT_VERSIONS: dict[str, str] = {
    "build_features": "0.1.4",
    "check_compatibility": "0.1.1",
    "check_parity": "0.1.2",
    "compare": "1.0.2",
    "detect_skew": "0.1.1",
    "evaluate": "0.2.2",
    "explain": "0.1.1",
    "ingest": "0.2.0",
    "materialize": "0.1.3",
    "profile": "0.1.0",
    "record_skew": "0.1.1",
    "refuse": "0.1.1",
    "register": "1.0.1",
    "reject": "1.0.1",
    "score": "0.1.2",
    "select": "0.1.1",
    "split": "0.1.1",
    "train": "1.0.1",
    "tune": "0.1.1",
    "validate": "1.0.0",
}
