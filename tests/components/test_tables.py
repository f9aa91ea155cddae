"""Versioned tables on the real S3 server."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from deltalake import DeltaTable, PostCommitHookProperties

from components import tables
from components.platform import Platform


def a_table(first: int, rows: int = 1000) -> pa.Table:
    return pa.table({"n": list(range(first, first + rows))})


def test_each_content_is_a_version_and_old_versions_read_back(platform: Platform) -> None:
    assert tables.latest_version(platform, "trips") is None
    first = tables.write_version(platform, "trips", a_table(0), "one")
    second = tables.write_version(platform, "trips", a_table(5000), "two")
    assert (first, second) == (0, 1)
    assert tables.scan(platform, "trips", first).collect()["n"].to_list() == list(range(1000))
    assert tables.scan(platform, "trips").collect()["n"].to_list() == list(range(5000, 6000))
    assert tables.version_rows(platform, "trips", first) == 1000
    assert tables.find_version(platform, "trips", "two") == second


def test_the_same_content_is_not_written_again(platform: Platform) -> None:
    first = tables.write_version(platform, "trips", a_table(0), "one")
    tables.write_version(platform, "trips", a_table(1), "two")
    assert tables.write_version(platform, "trips", a_table(0), "one") == first
    assert tables.latest_version(platform, "trips") == 1


def test_a_changed_schema_is_a_new_version_too(platform: Platform) -> None:
    tables.write_version(platform, "trips", a_table(0), "one")
    wider = a_table(0).append_column("m", pa.array([0.5] * 1000))
    assert tables.write_version(platform, "trips", wider, "two") == 1
    assert tables.scan(platform, "trips", 0).collect_schema().names() == ["n"]


def test_writers_that_collide_leave_every_version_whole(platform: Platform) -> None:
    def write(number: int) -> int:
        return tables.write_version(platform, "trips", a_table(number * 10_000), f"writer {number}")

    with ThreadPoolExecutor(6) as pool:
        versions = list(pool.map(write, range(6)))
    assert sorted(versions) == list(range(6))
    for number, version in enumerate(versions):
        rows = tables.scan(platform, "trips", version).collect()["n"].to_list()
        assert rows == list(range(number * 10_000, number * 10_000 + 1000))


def test_a_missing_table_or_version_is_named(platform: Platform) -> None:
    with pytest.raises(tables.TableError, match="table 'trips' does not exist"):
        tables.scan(platform, "trips")
    tables.write_version(platform, "trips", a_table(0), "one")
    with pytest.raises(tables.TableError, match=r"no version 7; there are 0 to 0"):
        tables.scan(platform, "trips", 7)


def test_wrong_keys_are_not_taken_for_a_missing_table(platform: Platform) -> None:
    stranger = platform.model_copy(update={"access_key_id": "somebody"})
    with pytest.raises(OSError, match=r"(?i)access|denied|InvalidAccessKeyId"):
        tables.latest_version(stranger, "trips")


def test_versions_stay_readable_when_their_log_would_have_expired(platform: Platform) -> None:
    tables.write_version(platform, "trips", a_table(0), "one")
    table = DeltaTable(tables.table_uri(platform, "trips"), storage_options=tables.storage_options(platform))
    expired = {"delta.logRetentionDuration": "interval 0 days", "delta.checkpointInterval": "2"}
    table.alter.set_table_properties(
        expired, post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False)
    )
    for number in range(2, 7):
        tables.write_version(platform, "trips", a_table(number * 1000), f"content {number}")
    assert tables.scan(platform, "trips", 0).collect()["n"].to_list() == list(range(1000))
    assert tables.find_version(platform, "trips", "one") == 0
