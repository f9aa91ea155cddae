"""What the steps of a pipeline do on this machine, while kfp.local runs them.

kfp.local tells nobody when a step starts or ends, so the two functions of its that run one step are wrapped while a
pipeline runs: one is called for every step, the other only for a step that the cache did not answer.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kfp import dsl
from kfp.local import cache, io, status, subprocess_task_handler, task_dispatcher
from kfp.local.orchestrator import enhanced_dag_orchestrator, task_executor
from kfp.local.orchestrator.orchestrator_utils import OrchestratorUtils

from components.artifacts import SHA256
from pipelines.launching import Launcher
from pipelines.local_cache import ContentCache
from pipelines.run_log import RunLog

# How often a step is started anew whose process was killed: by the system for want of memory, or by a person.
KILLED_RETRIES = 2
_TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a pipeline run.

    Attributes:
        name: The component's name, e.g. ``build_features``; in a loop with the item, e.g. ``train.lightgbm``.
        status: ``succeeded``, ``cached`` or ``failed``.
        started: Start, UTC.
        seconds: Wall time.
        parameters: Output parameters by name.
        artifacts: Paths of output artifacts by name.
        digests: SHA-256 of output artifacts by name.
        attempts: How often its process was started; 0 where it was answered from the cache.
        error: What went wrong, or empty.
    """

    name: str
    status: str
    started: datetime
    seconds: float
    parameters: dict[str, Any]
    artifacts: dict[str, str]
    digests: dict[str, str]
    attempts: int
    error: str = ""

    @property
    def component(self) -> str:
        """The component's name, without the item of a loop and the number of a second step of the component."""
        return re.sub(r"_\d+$", "", self.name.partition(".")[0])


class _Watch:
    """Counts the processes of a step and tells about the step when it ends."""

    def __init__(self, finished: Callable[[Step], None], log: RunLog) -> None:
        self._finished, self._log = finished, log
        self._attempts, self._said = 0, ""
        self._execute, self._launch = task_executor.execute_single_task, task_dispatcher.run_single_task_implementation

    def launch(self, **call: Any) -> Any:
        """Run a step's process; one that ended without an exception was killed, and runs again."""
        while True:
            offset = self._log.end()
            self._attempts += 1
            outputs, outcome = self._launch(**call)
            was_killed = outcome != status.Status.SUCCESS and _TRACEBACK not in self._log.text_from(offset)
            if not was_killed or self._attempts > KILLED_RETRIES:
                return outputs, outcome

    def execute(self, **call: Any) -> Any:
        """Run a step, or have it answered from the cache, and tell about it."""
        self._attempts, self._said = 0, ""
        self._log.step = _name(call)
        started, offset = datetime.now(UTC), self._log.end()
        outputs, outcome, error = {}, None, ""
        try:
            outputs, outcome = self._execute(**call)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            good = outcome == status.Status.SUCCESS
            made = {name: output for name, output in outputs.items() if isinstance(output, dsl.Artifact)}
            self._finished(
                Step(
                    name=_name(call),
                    status=("succeeded" if self._attempts else "cached") if good else "failed",
                    started=started,
                    seconds=(datetime.now(UTC) - started).total_seconds(),
                    parameters={name: output for name, output in outputs.items() if name not in made},
                    artifacts={name: artifact.path for name, artifact in made.items()},
                    digests={name: artifact.metadata.get(SHA256, "") for name, artifact in made.items()},
                    attempts=self._attempts,
                    error="" if good else error or self._said or error_in(self._log.text_from(offset)),
                )
            )
        return outputs, outcome


class _WatchElsewhere(_Watch):
    """The same where a launcher starts the processes; it starts those anew by itself that were killed."""

    def __init__(self, finished: Callable[[Step], None], log: RunLog, launcher: Launcher) -> None:
        super().__init__(finished, log)
        self._launcher, self._executor = launcher, ""

    def launch(self, **call: Any) -> Any:
        """Have kfp.local run a step by a ``_Handler``."""
        self._executor = call["component_spec"].executor_label
        return self._launch(**call)

    def handler(self, **call: Any) -> "_Handler":
        """What kfp.local starts a step's process by."""
        return _Handler(functools.partial(self._run, call["full_command"]))

    def _run(self, command: Sequence[str]) -> status.Status:
        ended = self._launcher.run(self._log.step, self._executor, command)
        self._attempts, self._said = ended.attempts, ended.said
        return status.Status.SUCCESS if ended.succeeded else status.Status.FAILURE


@dataclass(frozen=True)
class _Handler:
    """In place of kfp.local's ``SubprocessTaskHandler``."""

    run: Callable[[], status.Status]


@contextmanager
def observed(
    finished: Callable[[Step], None], log: RunLog, answers: ContentCache, launcher: Launcher | None = None
) -> Iterator[None]:
    """Call ``finished`` after each step that kfp.local runs in the block, one at a time, with a cache by content.

    Args:
        launcher: Runs the steps, where they are no processes of this machine.
    """
    watch = _WatchElsewhere(finished, log, launcher) if launcher else _Watch(finished, log)
    elsewhere = (
        [(subprocess_task_handler, "SubprocessTaskHandler", watch.handler)]
        if isinstance(watch, _WatchElsewhere)
        else []
    )
    names: tuple[tuple[Any, str, Any], ...] = (
        *elsewhere,
        (task_executor, "execute_single_task", watch.execute),
        (task_dispatcher, "run_single_task_implementation", watch.launch),
        (cache, "get_local_cache", lambda: answers),
        (enhanced_dag_orchestrator, "ParallelExecutor", _OneAtATime),
        (io.IOStore, "put_task_output", _put_task_output),
    )
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in names]
    for owner, name, replacement in names:
        setattr(owner, name, replacement)
    try:
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


class _OneAtATime(enhanced_dag_orchestrator.ParallelExecutor):
    """Branches of a loop one after another: on one machine each of them uses all cores already."""

    def __init__(self, max_workers: int | None = None) -> None:
        super().__init__(1)


_put_output = io.IOStore.put_task_output


def _put_task_output(store: io.IOStore, task_name: str, key: str, value: Any) -> None:
    """Keep a step's output also under the name by which a condition asks for it.

    Else kfp 2.17 finds no value for an ``If`` without ``Else`` on a named output, and skips it in silence.
    """
    _put_output(store, task_name, key, value)
    store.put_parent_input(f"pipelinechannel--{task_name}-{key}", value)


def _name(call: dict[str, Any]) -> str:
    """The step's name from kfp.local's call for it."""
    task = call["task_spec"]
    component = task.component_ref.name.removeprefix("comp-").replace("-", "_")
    given = OrchestratorUtils.make_task_arguments(task_inputs_spec=task.inputs, io_store=call["io_store"])
    items = [
        str(given[name])
        for name, source in sorted(task.inputs.parameters.items())
        if source.component_input_parameter.endswith("-loop-item") and name in given
    ]
    return ".".join([component, *items])


def error_in(output: str) -> str:
    """The exception that ended a step, from the step's output; the last line where there is no traceback."""
    before, traceback, after = output.rpartition(_TRACEBACK)
    if not traceback:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        return f"the step's process ended without a traceback; it said last: {lines[-1] if lines else 'nothing'}"
    indent = len(before) - len(before.rstrip(" "))
    message: list[str] = []
    for line in after.splitlines()[1:]:
        if message and not line.strip():
            break
        if message or (line.strip() and len(line) - len(line.lstrip()) <= indent):
            message.append(line.strip())
    return "\n".join(message)
