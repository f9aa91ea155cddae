"""What keeps a rebuild apart from the stack that it runs on."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from components.database import open_engine
from components.platform import Platform

# Nobody listens on the discard port: what is rebuilt can register nothing and promote nobody.
NOWHERE = "http://127.0.0.1:9"


@contextmanager
def apart(platform: Platform, root: Path) -> Iterator[dict[str, str]]:
    """The environment of a process that runs code in ``root``, without MLflow and with studies of its own.

    Studies are kept in a schema of the pipelines' database that is there as long as the block runs: a study has the
    recorded name, or its result would not have the recorded bytes, and must not find the recorded trials.
    """
    engine, schema = open_engine(platform), f"reproduce_{secrets.token_hex(6)}"
    address = engine.url.update_query_dict({"options": f"-csearch_path={schema}"})
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        yield os.environ | {
            "PYTHONPATH": str(root),
            "MLFLOW_TRACKING_URI": NOWHERE,
            "KEELSON_PIPELINES_DATABASE": address.render_as_string(hide_password=False),
        }
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
