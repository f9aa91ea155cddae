"""The monitoring pipeline: one look at what is due."""

from components.platform import Platform
from monitoring import state
from monitoring.settings import LIVE
from monitoring.state_tables import open_state
from pipelines import run
from pipelines.requests import MonitoringRequest


def test_the_command_line_asks_for_a_look() -> None:
    request = run.parse(["monitoring", "--reason", "by hand"])
    assert isinstance(request, MonitoringRequest)
    job = request.job()
    assert (job.name, job.reason, dict(job.arguments)) == ("monitoring", "by hand", {})


def test_it_looks_and_finds_nothing_to_do(named: Platform) -> None:
    told = run.perform(named, MonitoringRequest())
    assert told["status"] == "succeeded", told["error"]
    assert (int(told["windows"]), told["retraining"]) == (0, "no")
    assert state.windows(open_state(named, LIVE), last=5) == []
