"""The version of each pipeline component; raise it when what the component does changes."""

COMPONENT_VERSIONS: dict[str, str] = {
    "ingest": "0.1.0",
    "validate": "0.1.0",
    "build_features": "0.1.0",
    "materialize": "0.1.0",
    "split": "0.1.0",
    "train": "0.1.0",
    "evaluate": "0.1.0",
    "compare": "0.1.0",
    "check_compatibility": "0.1.0",
    "register": "0.1.0",
    "reject": "0.1.0",
}
