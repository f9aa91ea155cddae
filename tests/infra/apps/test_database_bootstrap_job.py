"""The job that bootstraps databases: what it is told, and what it is shipped with."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.apps.bootstrap.databases import Plan

MakeAll = Callable[..., Any]
SECRETS = (
    *("mlflow-database", "feast-database", "pipelines-database", "log-lock-database", "kubeflow-database"),
    *("grafana", "sign-in"),
)


def test_the_programs_plan_is_one_that_the_bootstrap_takes(make_all: MakeAll) -> None:
    for stack in ("dev", "prod"):
        data = make_all(stack).one("ConfigMap", "database-bootstrap")["data"]
        plan = Plan.model_validate_json(data["plan.json"])
        assert plan.postgres.sslmode == "verify-full"
        assert set(plan.secrets) == set(SECRETS)
        assert (plan.mysql.master_folder is None) == (stack == "prod")


def test_the_job_runs_anew_when_its_program_or_plan_changes(make_all: MakeAll) -> None:
    names = {make_all(stack).one("Job", "database-bootstrap")["metadata"]["name"] for stack in ("dev", "prod")}
    assert len(names) == 2


def test_the_job_ships_every_file_that_its_program_imports(make_all: MakeAll, tmp_path: Path) -> None:
    data = make_all().one("ConfigMap", "database-bootstrap")["data"]
    package = tmp_path / "bootstrap"
    package.mkdir()
    for name, text in data.items():
        (package / name).write_text(text)
    asked = [sys.executable, "-c", "import bootstrap.databases"]
    done = subprocess.run(
        asked, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
