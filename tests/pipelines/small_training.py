"""A small training pipeline with the names and the shape of the real one; tests put it into a clone of its own."""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
from typing import List, NamedTuple  # noqa: UP035 (kfp knows List, not list, of artifacts)

from kfp import dsl
from kfp.dsl import Artifact, Input, Model, Output


@dsl.component(base_image="small", install_kfp_package=False)
def ingest(source: str) -> NamedTuple("Ingested", [("data_version", int)]):  # pyright: ignore[reportInvalidTypeForm]
    from pathlib import Path

    with Path(source).open("a") as file:
        file.write("ingest ")
    return (0,)


@dsl.component(base_image="small", install_kfp_package=False)
def build_features(data_version: int, features: Output[Artifact]) -> int:
    from components import tables
    from components.artifacts import publish
    from components.platform import Platform

    with publish(features) as file:
        rows = tables.scan(Platform(), tables.TRIPS, data_version).collect()
        file.write_text(rows.write_csv())
    return rows.height


@dsl.component(base_image="small", install_kfp_package=False)
def tune(
    features: Input[Artifact],
    parameters: Output[Artifact],
    family: str,
    trials: int,
    seconds: float,
    study: str,
    speed: str,
) -> NamedTuple("Tuning", [("trials_done", int), ("stopped_by", str)]):  # pyright: ignore[reportInvalidTypeForm]
    import json
    from pathlib import Path

    from sqlalchemy import text

    from components.artifacts import publish, read
    from components.database import open_engine
    from components.platform import Platform

    # A study of a name goes on where it was, for as many trials a second as the machine does.
    done = min(trials, int(seconds * float(Path(speed).read_text())))
    with open_engine(Platform()).begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS studies (name text, trials int)"))
        before = connection.execute(
            text("SELECT sum(trials) FROM studies WHERE name = :name"), {"name": study}
        ).scalar()
        connection.execute(text("INSERT INTO studies VALUES (:name, :trials)"), {"name": study, "trials": done})
    stopped_by = "trials" if done == trials else "seconds"
    known = {
        "trials": done + (before or 0),
        "study": study,
        "stopped_by": stopped_by,
        "data": read(features).read_text(),
    }
    with publish(parameters) as file:
        file.write_text(json.dumps(known))
    return (done, stopped_by)


@dsl.component(base_image="small", install_kfp_package=False)
def train(parameters: Input[Artifact], model: Output[Model], family: str, hidden: str) -> int:
    import json
    from pathlib import Path

    from components.artifacts import publish, read

    known = json.loads(read(parameters).read_text())
    with publish(model) as folder:
        folder.mkdir()
        outside = Path(hidden).read_text() if family == "xgboost" else ""
        (folder / "model.json").write_text(json.dumps([family, known["trials"], known["data"], outside]))
    return known["trials"]


@dsl.component(base_image="small", install_kfp_package=False)
def select(models: Input[List[Model]], model: Output[Model]) -> str:  # noqa: UP006
    import shutil

    from components.artifacts import publish, read

    with publish(model) as folder:
        shutil.copytree(read(models[-1]), folder)
    return "last"


@dsl.component(base_image="small", install_kfp_package=False)
def evaluate(model: Input[Model], metrics: Output[Artifact]) -> None:
    import json

    from components.artifacts import publish, read

    with publish(metrics) as file:
        file.write_text(json.dumps({"test.mae": len((read(model) / "model.json").read_text()) / 7}))


@dsl.component(base_image="small", install_kfp_package=False)
def compare(source: str, metrics: Input[Artifact]) -> NamedTuple("Decision", [("decision", str)]):  # pyright: ignore[reportInvalidTypeForm]
    from pathlib import Path

    with Path(source).open("a") as file:
        file.write("compare ")
    return ("accepted",)


@dsl.component(base_image="small", install_kfp_package=False)
def register(source: str, run: str, data_version: int, model: Input[Model], metrics: Input[Artifact]) -> None:
    import json
    from pathlib import Path

    from components.artifacts import read
    from components.model import verified_hash
    from components.platform import Platform
    from components.recording import DATA_VERSION, MODEL_SHA256, open_run
    from components.tracking import Tracking

    with Path(source).open("a") as file:
        file.write("register ")
    with Tracking(Platform().mlflow_tracking_uri) as tracking:
        tags = {DATA_VERSION: str(data_version), MODEL_SHA256: verified_hash(read(model))}
        made = open_run(tracking, run, parameters={}, tags=tags)
        tracking.log(made, metrics=json.loads(read(metrics).read_text()))


@dsl.component(base_image="small", install_kfp_package=False)
def reject(source: str) -> None:
    from pathlib import Path

    with Path(source).open("a") as file:
        file.write("reject ")


@dsl.pipeline(name="training")
def training(
    source: str,
    hidden: str,
    families: List[str],  # noqa: UP006
    trials: int,
    tuning_seconds: float,
    study: str,
    speed: str,
    run: str = "",
    commit: str = "",
) -> None:
    trips = ingest(source=source)
    features = build_features(data_version=trips.outputs["data_version"]).outputs["features"]
    with dsl.ParallelFor(families, parallelism=1) as family:
        found = tune(features=features, family=family, trials=trials, seconds=tuning_seconds, study=study, speed=speed)
        made = train(parameters=found.outputs["parameters"], family=family, hidden=hidden)
    best = select(models=dsl.Collected(made.outputs["model"])).outputs["model"]
    measured = evaluate(model=best).outputs["metrics"]
    judged = compare(source=source, metrics=measured).set_caching_options(enable_caching=False)
    with dsl.If(judged.outputs["decision"] == "accepted"):
        register(
            source=source, run=run, data_version=trips.outputs["data_version"], model=best, metrics=measured
        ).set_caching_options(enable_caching=False)
    with dsl.Else():
        reject(source=source).set_caching_options(enable_caching=False)
