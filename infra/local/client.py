"""Run another part of the project as a client of the running stack.

Usage: ``python -m infra.local.client MODULE [ARGUMENT ...]``; the module finds the platform contract in
its environment, as it would on a cluster. Exit code and output are the module's own.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local import pulumi_cli
from infra.local.layout import Layout

ROOT = Path(__file__).resolve().parent.parent.parent
# It ends once what it has asked is answered.
_STOP_SECONDS = 120


class ClientFailed(RuntimeError):
    """The module exited non-zero; what it said has been shown."""


def environment(layout: Layout) -> dict[str, str]:
    """The caller's environment, the platform contract of the running stack, and where its service keeps journals."""
    journals = {"KEELSON_PREDICTION_LOG": str(layout.predictions)}
    return {**os.environ, **journals, **pulumi_cli.environment(layout), **pulumi_cli.platform(layout)}


def result(layout: Layout, module: str, *arguments: str, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a module and return the JSON line that it prints last; its progress goes to the user.

    Args:
        layout: Of the running stack.
        module: To run.
        arguments: Of it.
        variables: Of its environment, beside those of the stack.

    Raises:
        ClientFailed: It exited non-zero.
    """
    command = [str(layout.python), "-m", module, *arguments]
    done = subprocess.run(
        command,
        cwd=layout.root,
        env=environment(layout) | dict(variables or {}),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise ClientFailed(f"`python -m {module}` failed with exit code {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


@contextmanager
def beside(
    layout: Layout,
    said: dict[str, Any],
    module: str,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    niceness: int = 0,
) -> Iterator[None]:
    """Run a module until the block ends, which tells it to stop (SIGTERM).

    Args:
        layout: Of the running stack.
        said: Gets what the JSON line says that the module prints last.
        module: To run.
        arguments: Of it.
        variables: Of its environment, beside those of the stack.
        niceness: By how much it goes behind others, 0 to 19.

    Raises:
        ClientFailed: It said nothing.
    """
    command = ["nice", "-n", str(niceness), str(layout.python), "-m", module, *arguments]
    process = subprocess.Popen(
        command, cwd=layout.root, env=environment(layout) | dict(variables or {}), stdout=subprocess.PIPE, text=True
    )
    try:
        yield
    except BaseException:
        # It may have ended, or not have begun to listen: what went wrong in the block is told, not what comes of that.
        _stopped(process)
        raise
    told = _stopped(process).strip().splitlines()
    if not told:
        raise ClientFailed(f"`python -m {module}` ended with exit code {process.returncode} and said nothing")
    said.update(json.loads(told[-1]))


def _stopped(process: "subprocess.Popen[str]") -> str:
    """What a process has said, which is told to stop, and made to where it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=_STOP_SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def main() -> None:
    """Replace this process by the module, in the stack's environment."""
    layout = Layout(ROOT)
    if not layout.platform_env.exists():
        sys.exit("The local stack is down. Bring it up with `make up`.")
    os.chdir(layout.root)
    os.execve(layout.python, [str(layout.python), "-m", *sys.argv[1:]], environment(layout))


if __name__ == "__main__":
    main()
