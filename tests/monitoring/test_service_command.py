"""A command of the monitor's service: one process at a time, and patience with one that fails."""

from monitoring.service import Command


def test_a_command_waits_longer_after_each_failure_and_not_after_a_success() -> None:
    command = Command("no_such_module")
    waits = []
    now = 1000.0
    for _ in range(10):
        assert command.may_start(now)
        command.start(now)
        assert not command.may_start(now + 1e6)
        assert command.process is not None
        command.process.wait()
        assert command.reap(now) == 1
        assert not command.may_start(now + command.pause - 0.1)
        waits.append(command.pause)
        now += command.pause
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]
    command.module = "policy"
    command.start(now)
    assert command.process is not None
    command.process.wait()
    assert command.reap(now) == 0
    assert command.may_start(now)
