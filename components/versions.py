"""The version of each pipeline component; `python -m pipelines.compile --bump` raises those of what changed."""

COMPONENT_VERSIONS: dict[str, str] = {
    "build_features": "0.1.5",
    "check_compatibility": "0.1.1",
    "check_parity": "0.1.3",
    "compare": "1.0.5",
    "detect_skew": "0.2.0",
    "evaluate": "0.2.4",
    "explain": "0.1.3",
    "ingest": "0.3.0",
    "materialize": "0.1.3",
    "profile": "0.2.0",
    "record_skew": "0.1.4",
    "refuse": "0.2.2",
    "register": "1.2.0",
    "reject": "1.2.0",
    "score": "0.1.5",
    "select": "0.1.3",
    "split": "0.2.0",
    "train": "1.0.3",
    "tune": "0.1.3",
    "validate": "1.0.3",
}
