"""Pulumi's command line on this clone's own state, and the repair of what an interrupted run left."""

import json
import os
import secrets
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from infra.local import processes
from infra.local.environment_file import parse
from infra.local.layout import Layout
from infra.local.supervisor import write_private

STACK = "local"


class PulumiError(RuntimeError):
    """A Pulumi command failed; its own output says why."""


def environment(layout: Layout) -> dict[str, str]:
    """What Pulumi needs to find its tools, its state inside the clone, and the passphrase of its secrets."""
    return {
        "PATH": f"{layout.python.parent}:{layout.bin}:{os.environ['PATH']}",
        # Pulumi writes its state atomically, but not what describes each file beside it (``NAME.attrs``): killed
        # between the two it could not read the state again ("failed to load checkpoint: EOF"). So, none are written.
        "PULUMI_BACKEND_URL": f"file://{layout.state}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(layout.passphrase),
        "PULUMI_HOME": str(layout.pulumi_home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # The cloud stacks' providers stand in the same environment: stack `local` must not fetch their plugins.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "BENTOML_HOME": str(layout.bundles),
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "1",
    }


def shell_file(layout: Layout) -> str:
    """``.local/env``: what to source to type Pulumi, BentoML or MLflow commands by hand."""
    exports = "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in environment(layout).items() if name != "PATH"
    )
    path = f'export PATH={shlex.quote(str(layout.python.parent))}:{shlex.quote(str(layout.bin))}:"$PATH"\n'
    platform = shlex.quote(str(layout.platform_env))
    return f"# Written by `make up`; source it.\n{path}{exports}if [ -f {platform} ]; then . {platform}; fi\n"


def prepare(layout: Layout) -> None:
    """Make the state folder, the passphrase, ``.local/env`` and the stack; all of it only where missing."""
    for folder in (layout.local, layout.state, layout.pulumi_home):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not layout.passphrase.exists():
        write_private(layout.passphrase, secrets.token_urlsafe(32))
    write_private(layout.local / "env", shell_file(layout))
    if not (layout.state / ".pulumi" / "stacks" / "keelson" / f"{STACK}.json").exists():
        run(layout, "stack", "init", STACK, quiet=True)
    run(layout, "stack", "select", STACK, quiet=True)


def run(layout: Layout, *arguments: str, quiet: bool = False) -> str:
    """Run one command in the clone; return its standard output if ``quiet``, else let the user see it.

    Raises:
        PulumiError: It exited non-zero; if ``quiet``, the message holds what it printed.
    """
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=layout.root,
        env={**os.environ, **environment(layout)},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PulumiError(f"pulumi {' '.join(arguments)} failed\n{done.stdout or ''}{done.stderr or ''}".strip())
    return done.stdout or ""


def repair(layout: Layout) -> list[str]:
    """Undo what a killed Pulumi left: processes of its own that still work, and the stack's lock.

    What it had half created is no harm: creating is idempotent, so the next `up` adopts it.

    Returns:
        One sentence for each thing repaired.

    Raises:
        PulumiError: Another Pulumi is at work on this stack right now.
    """
    locks = sorted((layout.state / ".pulumi" / "locks").rglob("*.json"))
    for lock in locks:
        holder = _holder(lock)
        if holder is not None and _is_ours(holder, layout):
            who = processes.describe(holder.pid)
            raise PulumiError(f"Pulumi is already at work on this stack ({who}): wait for it.")
    orphans = [process for process in psutil.process_iter() if _is_ours(process, layout)]
    processes.end(orphans, patience=2)
    for lock in locks:
        lock.unlink(missing_ok=True)
    halves = [file for file in (layout.state / ".pulumi").rglob("*") if file.suffix in (".tmp", ".attrs")]
    for file in halves:
        file.unlink(missing_ok=True)
    forgotten = _forget_pending_creates(layout)
    return (
        [f"ended {len(orphans)} leftover Pulumi processes"] * bool(orphans)
        + [f"removed a lock that a killed Pulumi left ({lock.name})" for lock in locks]
        + [f"removed {len(halves)} files that Pulumi wrote beside its state"] * bool(halves)
        + [f"forgot {forgotten} creations that a killed Pulumi began"] * bool(forgotten)
    )


def _holder(lock: Path) -> psutil.Process | None:
    """Who took a lock; None where it has ended. A Pulumi that ends while this looks takes its lock with it."""
    try:
        return psutil.Process(json.loads(lock.read_text() or "{}").get("pid", 0))
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def _forget_pending_creates(layout: Layout) -> int:
    """Drop what a killed Pulumi noted as begun: Pulumi itself asks a person about it, and keeps it until then."""
    kept = state_file(layout)
    if not kept.exists() or "pending_operations" not in kept.read_text(encoding="utf-8"):
        return 0
    state = json.loads(run(layout, "stack", "export", "--stack", STACK, quiet=True))
    pending = (state.get("deployment") or {}).pop("pending_operations", None) or []
    if pending:
        file = layout.local / "repaired-state.json"
        write_private(file, json.dumps(state))
        try:
            run(layout, "stack", "import", "--file", str(file), "--stack", STACK, quiet=True)
        finally:
            file.unlink(missing_ok=True)
    return len(pending)


def _is_ours(process: psutil.Process, layout: Layout) -> bool:
    """Whether it is Pulumi itself or one of its plugins, working on this clone."""
    try:
        if process.environ().get("PULUMI_HOME") != str(layout.pulumi_home):
            return False
        command = " ".join(process.cmdline()[:4])
        return process.name().startswith("pulumi") or "pulumi" in command
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def outputs(layout: Layout) -> Mapping[str, Any]:
    """The stack's outputs, secrets shown as ``[secret]``."""
    return json.loads(run(layout, "stack", "output", "--json", "--stack", STACK, quiet=True))


def platform(layout: Layout) -> dict[str, str]:
    """The platform contract of the running stack, for the environment of its clients."""
    return parse(layout.platform_env.read_text()) if layout.platform_env.exists() else {}


def state_file(layout: Layout) -> Path:
    """Where the stack's checkpoint lies."""
    return layout.state / ".pulumi" / "stacks" / "keelson" / f"{STACK}.json"
