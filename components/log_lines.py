"""A process's log as lines of JSON, each with the ids of what it is about."""

import json
import logging
from datetime import UTC, datetime

# Names of ids in a line, by the name under which they are given to a logger as ``extra``. BentoML overwrites what is
# given as ``request_id``.
IDS = {"request": "request_id", "run": "run_id"}


class JsonLines(logging.Formatter):
    """One object a line: ``at`` (UTC), ``level``, ``logger``, ``message``, ``exception`` and, where given, ``IDS``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback's line breaks are escaped."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        given = {name: getattr(record, extra, None) for extra, name in IDS.items()}
        line |= {name: identity for name, identity in given.items() if identity}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_as_json() -> None:
    """Let every handler that this process has by now write ``JsonLines``; whoever has none gets one on stderr."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(added := logging.StreamHandler())
        handlers.add(added)
    for handler in handlers:
        handler.setFormatter(JsonLines())
