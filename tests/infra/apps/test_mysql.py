"""MySQL inside the cluster: its data outlive everything, its password nothing."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.apps.mysql import preparation, start_statements

MakeAll = Callable[..., Any]


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[[], "subprocess.CompletedProcess[str]"]:
    """Runs the preparation in a folder, with a server that only makes the folder that it is told to make."""
    for folder in ("bin", "etc/keelson/mysql", "run/mysqld", "var/lib/mysql"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/keelson/mysql/password").write_text("generated")
    server = tmp_path / "bin" / "mysqld"
    server.write_text(
        "#!/bin/bash\nset -e\nfor option; do case $option in --datadir=*) folder=${option#*=};; esac; done\n"
        'mkdir "$folder"\necho data > "$folder/ibdata"\n'
    )
    server.chmod(0o755)
    text = preparation()
    for folder in ("/etc/keelson", "/run/mysqld", "/var/lib/mysql"):
        text = text.replace(folder, f"{tmp_path}{folder}")
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["bash", "-c", text], env=environment, check=True, capture_output=True, text=True)

    return run


def test_the_password_of_the_cluster_is_in_every_statement_that_needs_it(prepare: Any, tmp_path: Path) -> None:
    said = prepare()
    statements = (tmp_path / "run/mysqld/start.sql").read_text()
    assert statements.count("BY 'generated';") == 3
    assert "<password>" not in statements
    assert "generated" not in said.stdout + said.stderr


def test_nobody_else_on_the_node_reads_the_statements(prepare: Any, tmp_path: Path) -> None:
    prepare()
    assert (tmp_path / "run/mysqld/start.sql").stat().st_mode & 0o077 == 0


def test_data_are_made_once(prepare: Any, tmp_path: Path) -> None:
    prepare()
    (tmp_path / "var/lib/mysql/data/ibdata").write_text("years of runs")
    prepare()
    assert (tmp_path / "var/lib/mysql/data/ibdata").read_text() == "years of runs"


def test_a_first_start_that_was_ended_half_way_is_repeated(prepare: Any, tmp_path: Path) -> None:
    (tmp_path / "var/lib/mysql/draft").mkdir()
    (tmp_path / "var/lib/mysql/draft/half").write_text("")
    prepare()
    assert [one.name for one in (tmp_path / "var/lib/mysql/data").iterdir()] == ["ibdata"]


def test_the_master_user_hands_out_rights_on_the_pipelines_databases_only() -> None:
    granted = [one for one in start_statements() if one.startswith("GRANT")]
    assert granted[0] == "GRANT CREATE USER ON *.* TO 'keelson'@'%'"
    assert {one.split(" ON ")[1].split(".")[0] for one in granted[1:]} == {"mlpipeline", "cachedb", "metadb"}


def test_the_data_are_on_the_given_volume_in_its_zone_and_are_kept(make_all: MakeAll) -> None:
    made = make_all("dev")
    (volume,) = made.of("PersistentVolume")
    claim = made.one("PersistentVolumeClaim", "mysql", "database")
    (expression,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"]
    assert volume["spec"]["csi"]["volumeHandle"] == "vol-1"
    assert expression["values"] == ["us-east-1a"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]


def test_a_stack_with_rds_has_no_mysql_of_its_own(make_all: MakeAll) -> None:
    assert make_all("prod").of("StatefulSet") == []
    assert make_all("prod").of("PersistentVolume") == []


def test_the_password_is_generated_in_the_cluster_and_never_changed_under_a_running_server(make_all: MakeAll) -> None:
    made = make_all("dev")
    copied = made.one("ExternalSecret", "mysql-master", "database")["spec"]
    generator = copied["dataFrom"][0]["sourceRef"]["generatorRef"]
    assert made.one(generator["kind"], generator["name"], "database")
    assert copied["refreshPolicy"] == "CreatedOnce"
