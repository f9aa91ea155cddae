"""Reading Feast's feature server: the order and the meaning of values, and what happens when it fails."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from components import contract
from serving import online_features
from serving.online_features import ONLINE_FEATURES, OnlineFeatures, OnlineFeaturesUnavailableError, read_answer


def using(url: str, action: Callable[[OnlineFeatures], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with OnlineFeatures(url) as online:
            return await action(online)

    return asyncio.run(run())


def answer(values: list[Any], statuses: list[str] | None = None) -> dict[str, Any]:
    column = {"values": values, "statuses": statuses or ["PRESENT"] * len(values)}
    names = [contract.ZONE_KEY, contract.PAIR_KEY, *reversed(ONLINE_FEATURES)]
    return {"metadata": {"feature_names": names}, "results": [column] * len(names)}


def test_each_trip_gets_the_features_of_its_zone_and_pair(feature_server: Any) -> None:
    pairs = [(132, 7), (4, 5), (132, 7)]
    read = using(feature_server.url, lambda online: online.read(pairs))
    zone = len(contract.ZONE_FEATURES)
    assert read.shape == (3, len(ONLINE_FEATURES))
    assert (read[:, :zone] == [[132.0]] * 1 + [[4.0]] + [[132.0]]).all()
    assert (read[:, zone:] == [[132007.0], [4005.0], [132007.0]]).all()


def test_the_feature_service_is_named_and_equal_pairs_are_asked_for_once(feature_server: Any) -> None:
    using(feature_server.url, lambda online: online.read([(132, 7)] * 50))
    assert feature_server.asked == [
        {
            "feature_service": contract.FEATURE_SERVICE,
            "entities": {contract.ZONE_KEY: [132], contract.PAIR_KEY: [132007]},
        }
    ]


def test_an_unknown_zone_gives_missing_values_for_its_trip_only(feature_server: Any) -> None:
    feature_server.unknown = {264}
    read = using(feature_server.url, lambda online: online.read([(264, 1), (1, 264)]))
    assert np.isnan(read[0]).all()
    assert not np.isnan(read[1]).any()


@pytest.mark.parametrize(
    ("value", "status"),
    [(None, "PRESENT"), (5.0, "OUTSIDE_MAX_AGE"), (None, "NOT_FOUND"), ("NaN", "PRESENT"), ("Infinity", "PRESENT")],
)
def test_what_is_not_a_present_finite_number_is_missing(value: Any, status: str) -> None:
    read = read_answer(answer([value, 2.0], [status, "PRESENT"]), 2)
    assert np.isnan(read[0]).all()
    assert (read[1] == 2.0).all()


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {"metadata": {"feature_names": []}, "results": []},
        {"metadata": {"feature_names": list(ONLINE_FEATURES)}, "results": []},
        answer([]),
        answer([1.0, 2.0]),
        answer([{}]),
        answer(["many"]),
    ],
)
def test_an_answer_of_another_shape_is_a_named_failure(broken: Any) -> None:
    with pytest.raises(OnlineFeaturesUnavailableError, match="feature server"):
        read_answer(broken, 1)


@pytest.mark.parametrize("broken", [(500, b"{}"), (404, b""), (200, b"<html>"), (200, b"{}")])
def test_a_server_that_fails_is_a_named_failure(feature_server: Any, broken: tuple[int, bytes]) -> None:
    feature_server.broken = broken
    with pytest.raises(OnlineFeaturesUnavailableError, match="feature server"):
        using(feature_server.url, lambda online: online.read([(1, 1)]))


def test_a_server_that_is_gone_is_a_named_failure() -> None:
    with pytest.raises(OnlineFeaturesUnavailableError, match="cannot be reached"):
        using("http://127.0.0.1:9", lambda online: online.read([(1, 1)]))


def test_a_server_that_hangs_is_given_up_in_time() -> None:
    async def hang() -> None:
        async with await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with OnlineFeatures(f"http://127.0.0.1:{port}") as online:
                await asyncio.wait_for(online.read([(1, 1)]), 60)

    with pytest.raises(OnlineFeaturesUnavailableError, match="in time"):
        asyncio.run(hang())


def test_a_restarted_server_costs_no_request(feature_server: Any) -> None:
    """Its kept connections are dead, which only the next request finds out."""
    closing: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        sent = json.dumps(answer([1.0])).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(sent), sent))
        closing.append(writer)
        # The second request arrives on this connection and finds it closed without an answer.
        await reader.read(1)
        writer.close()

    async def restart() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with OnlineFeatures(f"http://127.0.0.1:{port}") as online:
                await online.read([(1, 1)])
                await online.read([(1, 1)])
        assert len(closing) == 2

    asyncio.run(restart())


def test_readiness_is_a_real_read_made_at_most_once_a_second(
    feature_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock of its own: on a busy machine a second passes between any two lines.
    clock = SimpleNamespace(monotonic=lambda: now[0])
    now = [1000.0]
    monkeypatch.setattr(online_features, "time", clock)

    async def probe(online: OnlineFeatures) -> None:
        await asyncio.gather(*(online.check() for _ in range(20)))
        assert len(feature_server.asked) == 1
        feature_server.broken = (500, b"{}")
        await online.check()
        now[0] += 0.9
        await online.check()
        now[0] += 0.2
        for _ in range(2):
            with pytest.raises(OnlineFeaturesUnavailableError, match="500"):
                await online.check()
        assert len(feature_server.asked) == 2
        feature_server.broken = None
        now[0] += 1.1
        await online.check()

    using(feature_server.url, probe)
