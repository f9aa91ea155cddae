"""`make logs ID= STACK=` asks the store of a cloud stack; tests of the store itself are those of its configuration."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra.operations import find_logs
from infra.operations.cluster_api import ClusterUnreachable

ANSWER = {
    "data": {
        "result": [
            {
                "stream": {"k8s_pod_name": "serving-1", "k8s_container_name": "serving"},
                "values": [["1767225600500000000", "second 9f2c01b7"]],
            },
            {
                "stream": {"k8s_pod_name": "run-abc", "k8s_container_name": "main"},
                "values": [["1767225600000000000", "first 9f2c01b7"]],
            },
        ]
    }
}
Ask = Callable[..., None]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks for an id where the store answers so."""

    def ask(identity: str, answer: Any, hours: int = 24) -> None:
        class Api:
            def ask_service(self, *_: Any) -> Any:
                if isinstance(answer, Exception):
                    raise answer
                return answer

        @contextmanager
        def connected(*_: Any) -> Iterator[Any]:
            yield Api()

        monkeypatch.setattr(find_logs, "connected", connected)
        find_logs.main(identity, "dev", hours)

    return ask


def test_lines_of_all_pods_come_in_the_order_in_which_they_were_written(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    ask("9f2c01b7", ANSWER)
    assert capsys.readouterr().out.splitlines() == [
        "2026-01-01T00:00:00.000000Z run-abc/main: first 9f2c01b7",
        "2026-01-01T00:00:00.500000Z serving-1/serving: second 9f2c01b7",
    ]


def test_where_nothing_was_written_it_says_so_and_fails(ask: Ask) -> None:
    with pytest.raises(SystemExit, match="Nothing was written about 9f2c01b7 within 24 hours"):
        ask("9f2c01b7", {"data": {"result": []}})


def test_more_lines_than_come_at_once_are_told(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    stream = {"stream": {}, "values": [[str(number), "9f2c01b7"] for number in range(find_logs.MOST)]}
    ask("9f2c01b7", {"data": {"result": [stream]}})
    assert "ask for fewer hours (HOURS=12)" in capsys.readouterr().err


@pytest.mark.parametrize("identity", ["", "abc", 'x" or ""="', "a" * 65])
def test_what_cannot_be_an_id_is_never_asked_for(ask: Ask, identity: str) -> None:
    with pytest.raises(SystemExit, match="Give the id of a request or a run"):
        ask(identity, AssertionError("it was asked"))


def test_a_cluster_that_cannot_be_reached_is_one_sentence(ask: Ask) -> None:
    with pytest.raises(SystemExit, match=r"^make logs: it does not answer$"):
        ask("9f2c01b7", ClusterUnreachable("it does not answer"))
