"""One run for one cause: who asks for a run that is under way waits for it and gets its result."""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select

from components.database import alone
from components.pipeline_results import add_result, newest_result, open_results
from components.platform import Platform


def cause(pipeline: str, version: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 of what a run is about: pipeline, its version, and the arguments that decide what it does."""
    return hashlib.sha256(json.dumps([pipeline, version, dict(arguments)], sort_keys=True).encode()).hexdigest()


def run_once(platform: Platform, pipeline: str, about: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run, unless another process is at it already for the same cause; then wait for its result.

    Where the other process dies without a result, this one runs in its place.

    Args:
        platform: Its pipelines' database holds locks and results.
        pipeline: Name of what is run.
        about: As from ``cause``.
        run: Returns a result that JSON can hold.

    Returns:
        The result, with ``joined`` that says whether another process made it.
    """
    engine = open_results(platform)
    name, began = f"pipeline run {about}", _now(engine)

    def run_here() -> dict[str, Any]:
        result = run()
        add_result(engine, pipeline=pipeline, cause=about, result=result)
        return result | {"joined": False}

    with alone(engine, name, wait=False) as lock:
        if lock is not None:
            return run_here()
    sys.stderr.write("joined: a run for the same input is under way; waiting for it\n")
    with alone(engine, name):
        found = newest_result(engine, about, began)
        return found | {"joined": True} if found else run_here()


def _now(engine: Engine) -> datetime:
    with engine.connect() as connection:
        return connection.execute(select(func.now())).scalar_one()
