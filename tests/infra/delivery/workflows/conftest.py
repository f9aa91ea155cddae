"""The workflows of a scratch clone, run by act without Docker: each step of ours for real, as GitHub would run it.

The clone's commit is what is tested. Third-party actions are small local ones below ``actions``; actions/checkout is
act's own. The environments are stacks `local` of the same machine, each brought up by the workflow that deploys it.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.delivery.promotion import ENVIRONMENTS
from infra.local.environment_file import parse
from infra.settings import PORTS_PER_STACK
from infra.tools.program import program

ROOT = Path(__file__).parents[4]
ACTIONS = Path(__file__).parent / "actions"
# Of the first training of each environment: so few that a model of more is surely better on its callers.
ROWS = 3_000
# Below the ports that the kernel gives to those who ask for any.
PORTS = range(24_000, 32_000, PORTS_PER_STACK * len(ENVIRONMENTS))


@dataclass(frozen=True)
class Outcome:
    """How a run of a workflow ended.

    Attributes:
        number: Of the run.
        good: Whether all of its jobs succeeded.
        log: Everything that was written.
    """

    number: int
    good: bool
    log: str

    def ran(self, job: str) -> bool:
        """Whether a job began, ``dev/deploy/dev``."""
        return re.search(rf"^\[{re.escape(job)}\s*\] ⭐ Run Set up job", self.log, re.MULTILINE) is not None

    def said(self, text: str) -> bool:
        return text in self.log


@dataclass
class Team:
    """A team's repository at work: a clone, GitHub, and a folder for its environments."""

    clone: Path
    github: Any
    folder: Path
    port_base: int
    logs: Path
    variables: dict[str, str]

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.clone, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, changes: dict[str, tuple[str, str]], message: str) -> None:
        """Change files of the branch that is checked out: by file, a text that it has once, and the one after it."""
        for file, (old, new) in changes.items():
            text = (self.clone / file).read_text()
            assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
            (self.clone / file).write_text(text.replace(old, new))
        self.git("commit", "--quiet", "--all", "--message", message)

    def run(self, workflow: str, event: str, *, ref: str, approved: bool = False, **told: Any) -> Outcome:
        """Run a workflow of the checked-out commit, as GitHub does on an event.

        Args:
            workflow: Its file's stem.
            event: ``push``, ``release``, ``workflow_dispatch`` or ``repository_dispatch``.
            ref: ``refs/heads/main``.
            approved: Whether somebody approves of its job in prod.
            told: Content of the event.
        """
        commit = self.git("rev-parse", "HEAD")
        number = self.github.begin_run(workflow, commit)
        if approved:
            self.github.approve(number, "prod", "ada", "seen in staging")
        event_file = self.logs / f"{number}.json"
        event_file.write_text(json.dumps({**told, "ref": ref}))
        command = [str(program("act", group="workflows")), event, "--workflows", f".github/workflows/{workflow}.yml"]
        command += ["--eventpath", str(event_file), "--platform", "ubuntu-24.04=-self-hosted"]
        command += ["--action-cache-path", str(self.logs / "act"), "--secret", f"GITHUB_TOKEN={self.github.token}"]
        command += [
            part for name, value in self._environment(number, ref).items() for part in ("--env", f"{name}={value}")
        ]
        command += [part for name, value in self.variables.items() for part in ("--var", f"{name}={value}")]
        command += [part for one in self._stand_ins() for part in ("--local-repository", one)]
        for name, value in told.get("inputs", {}).items():
            command += ["--input", f"{name}={value}"]
        log = self.logs / f"{number}-{workflow}.log"
        with log.open("w") as stream:
            done = subprocess.run(
                command, cwd=self.clone, env=clean(), stdout=stream, stderr=subprocess.STDOUT, check=False
            )
        self.github.end_run(number, good=done.returncode == 0)
        return Outcome(number, done.returncode == 0, log.read_text())

    def push(self, branch: str) -> Outcome:
        """What a push of the checked-out branch brings about."""
        return self.run(
            "delivery",
            "push",
            ref=f"refs/heads/{branch}",
            head_commit={"message": self.git("log", "-1", "--format=%s")},
        )

    def platform(self, environment: str) -> dict[str, str]:
        return parse((self.folder / environment / ".local" / "platform.env").read_text())

    @contextmanager
    def callers(self, environment: str) -> Iterator[dict[str, Any]]:
        """Ask an environment's service all the while, and tell it how long the trips took; yields what came of it."""
        root, told = self.folder / environment, {}
        command = [str(root / ".venv" / "bin" / "python"), "-m", "infra.local.client", "serving.release.callers"]
        asking = subprocess.Popen([*command, "--rate", "40"], cwd=root, env=clean(), stdout=subprocess.PIPE, text=True)
        try:
            yield told
        finally:
            asking.terminate()
            said, _ = asking.communicate(timeout=60)
            told.update(json.loads(said.splitlines()[-1]))

    def make(self, environment: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Call a target in an environment's clone, as a person there does."""
        root = self.folder / environment
        return subprocess.run(["make", *words], cwd=root, env=clean(), capture_output=True, text=True, check=False)

    def down(self) -> None:
        for environment in ENVIRONMENTS:
            if (self.folder / environment / "Makefile").exists():
                self.make(environment, "down", "PURGE=1")

    def _environment(self, number: int, ref: str) -> dict[str, str]:
        return {
            "GITHUB_API_URL": self.github.api,
            "GITHUB_REPOSITORY": self.github.repository,
            "GITHUB_RUN_ID": str(number),
            "GITHUB_REF": ref,
            "GITHUB_REF_NAME": ref.rpartition("/")[2],
            # Without a terminal's moving lines the log can be read.
            "TERM": "dumb",
        }

    def _stand_ins(self) -> list[str]:
        used = {
            action
            for file in (self.clone / ".github" / "workflows").glob("*.yml")
            for action in re.findall(r"uses: ([\w-]+/[\w-]+@[0-9a-f]{40})", file.read_text())
        }
        known = {folder.name: folder for folder in ACTIONS.iterdir()}
        named = ((action, action.partition("@")[0].partition("/")[2]) for action in sorted(used))
        return [f"{action}={known[name]}" for action, name in named if name in known]


def clean() -> dict[str, str]:
    """The environment of a runner, without what this process was given for itself."""
    kept = ("PATH", "HOME", "LANG", "KEELSON_CACHE", "XDG_CACHE_HOME")
    kept += tuple(name for name in os.environ if name.endswith(("_CERT", "_CERT_FILE", "_CERT_DIR", "_BUNDLE")))
    found = {name: os.environ[name] for name in kept if name in os.environ}
    own = [entry for entry in found["PATH"].split(os.pathsep) if not Path(entry).is_relative_to(Path(sys.prefix))]
    return found | {"PATH": os.pathsep.join(own)}


def free_ports() -> int:
    """The first of enough free neighbouring ports for every environment."""
    for base in PORTS:
        try:
            for port in range(base, base + PORTS.step):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no free range of ports")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, lasting_github: Any) -> Iterator[Team]:
    """A team that has the commit which is tested, and nothing deployed yet."""
    folder = tmp_path_factory.mktemp("team")
    clone, logs, base = folder / "keelson", folder / "logs", free_ports()
    logs.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    made = Team(
        clone=clone,
        github=lasting_github,
        folder=folder / "environments",
        port_base=base,
        logs=logs,
        variables={
            "KEELSON_ENVIRONMENTS": str(folder / "environments"),
            "KEELSON_PORT_BASE": str(base),
            "KEELSON_ROWS": str(ROWS),
            "KEELSON_TESTS": "tests/components/test_thresholds.py tests/infra/test_monitor_settings.py",
            "KEELSON_GREEN_RUNS": "2",
            "KEELSON_RELEASE_INTERVAL": "2",
            "KEELSON_RELEASE_PATIENCE": "300",
        },
    )
    made.git("config", "user.email", "team@example.com")
    made.git("config", "user.name", "Team")
    made.git("checkout", "--quiet", "-B", "main")
    made.git("checkout", "--quiet", "-B", "develop")
    try:
        yield made
    finally:
        made.down()
