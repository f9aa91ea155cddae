"""A supervised program as plain values, and its supervisord configuration. No side effects."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local import processes
from infra.local.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Program:
    """One service as it is handed to the supervisor.

    Attributes:
        name: Service name, also the name of its log file.
        command: Program and arguments; nothing secret, as any user can read it.
        environment: Variables on top of the stack's own; may hold secrets.
        health: How to see that it serves: ``{"http": [url, ...]}`` wants statuses below 300, from servers whose
            certificates are signed with the one in the file ``authority`` if that is given; ``{"command": [...]}``
            wants exit code 0.
        directory: Working folder.
        startup_seconds: How long it may take until healthy.
        stop_signal: What asks it to end.
        files: Configuration files to write first, ``{absolute path: content}``.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    health: Mapping[str, Any]
    directory: str
    startup_seconds: int = 60
    stop_signal: str = "TERM"
    files: Mapping[str, str] = field(default_factory=dict)


def supervisord_config(layout: Layout) -> str:
    """The supervisor's own configuration: control by socket only, readable by its user only."""
    return f"""[unix_http_server]
file={_escape(str(layout.socket))}
chmod=0700

[supervisord]
logfile={_escape(str(layout.logs / "supervisord.log"))}
logfile_maxbytes=10MB
logfile_backups=2
pidfile={_escape(str(layout.supervisor / "supervisord.pid"))}
childlogdir={_escape(str(layout.logs))}
directory={_escape(str(layout.root))}
umask=077
silent=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{_escape(str(layout.socket))}

[include]
files = {_escape(str(layout.supervisor / "programs"))}/*.conf
"""


def program_config(program: Program, layout: Layout) -> str:
    """One program's section. It restarts whenever it ends, and its whole process group is stopped."""
    launch = [str(layout.python), "-m", "infra.local.launch", str(layout.root), program.name]
    launch += [str(layout.temporary(program.name)), *program.command]
    # The digest makes a program restart when only its configuration files changed.
    files = hashlib.sha256(json.dumps(dict(program.files), sort_keys=True).encode()).hexdigest()
    environment = {**program.environment, processes.SERVICE_MARKER: program.name, "KEELSON_FILES_DIGEST": files}
    return f"""[program:{program.name}]
command={_escape(shlex.join(launch))}
directory={_escape(program.directory)}
environment={",".join(f"{key}={_quote(value)}" for key, value in sorted(environment.items()))}
autostart=true
autorestart=true
startsecs=1
startretries=3
stopsignal={program.stop_signal}
stopwaitsecs=20
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile={_escape(str(layout.logs / program.name))}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def supervisor_environment(layout: Layout) -> dict[str, str]:
    """The environment that all services start from: nothing of the user's shell but the system's folders."""
    return {
        "PATH": f"{layout.python.parent}:{layout.bin}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(layout.home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(layout.root),
        processes.ROOT_MARKER: str(layout.root),
    }


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _quote(value: str) -> str:
    if '"' in value or "\n" in value:
        raise ValueError("a service's environment cannot hold double quotes or line breaks")
    return f'"{_escape(value)}"'
