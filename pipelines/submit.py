"""``python -m pipelines.submit training --param rows=200000``: run a published pipeline on the stack, or by the clock.

On a cluster the pipeline's version goes to Kubeflow Pipelines, unless it is there, and a run of it is started or
scheduled. On a cluster without them its steps are Jobs (``pipelines.jobs``). On the local stack it runs on this
machine, as by ``pipelines.run``. stdout ends with one JSON line.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from components.labels.source import KIND as LABELLED
from components.platform import Platform
from components.recording import Submission
from components.served.source import KIND as SERVED
from components.trips.source import SYNTHETIC, TLC, fingerprint
from components.trips.source_error import SourceError
from pipelines import run
from pipelines.arguments import parsed
from pipelines.cluster import CUDA, DEVICE, on_cluster
from pipelines.compile import unpublished
from pipelines.driver import current_commit, lock_sha256, provenance
from pipelines.images import by_digest
from pipelines.jobs.names import DOOR, NAMESPACE
from pipelines.requests import FeaturesRequest, TrainingRequest
from pipelines.submission_error import SubmissionError
from pipelines.trigger import cause
from pipelines.versioning import tables
from pipelines.versioning.definitions import DefinitionError, compiled, pipeline, pipeline_modules
from pipelines.versioning.interface import interface
from pipelines.versioning.published import Published, PublishedError
from pipelines.versioning.version import Version

if TYPE_CHECKING:
    from pipelines.kfp_server import KfpServer

LOCAL = "local"
_FIELD = r"[\w*?/,#-]+"
# Kubeflow Pipelines' schedules begin with a field for seconds, others do not.
_CRON = re.compile(rf"(?P<seconds>{_FIELD} )?{_FIELD} {_FIELD} {_FIELD} {_FIELD} {_FIELD}")


def submit(given: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line asks for; returns what the JSON line says.

    Raises:
        SubmissionError, DefinitionError, PublishedError, SourceError: It cannot be done.
        pydantic.ValidationError: The platform is needed and not all of it is set.
    """
    known = [module.name for module in pipeline_modules()]
    if given.pipeline not in known:
        raise SubmissionError(f"there is no pipeline {given.pipeline!r}; there are {', '.join(known)}")
    # Whoever starts runs from outside a stack knows its address, and none of its passwords.
    endpoint = given.endpoint or Platform().kfp_endpoint  # pyright: ignore[reportCallIssue]
    ways = {LOCAL: _run_here, DOOR: _run_as_jobs}
    return ways[endpoint](given) if endpoint in ways else _run_there(given, endpoint)


def usual(name: str) -> dict[str, Any]:
    """Values of a pipeline's inputs where none are given: those of ``pipelines.run``."""
    asked = {"training": TrainingRequest, "features": FeaturesRequest}
    if name not in asked:
        return {}
    request = asdict(asked[name]())
    values = {field: list(value) if isinstance(value, tuple) else value for field, value in request.items()}
    return {"source": values.pop("data"), **values}


def options(arguments: Mapping[str, Any]) -> list[str]:
    """Arguments as options of ``pipelines.run``; empty ones are left out."""
    named = {"data" if name == "source" else name.replace("_", "-"): value for name, value in arguments.items()}
    texts = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in named.items()}
    return [part for name, text in texts.items() if text for part in (f"--{name}", text)]


def _run_here(given: argparse.Namespace) -> dict[str, Any]:
    if given.schedule:
        raise SubmissionError("the local stack has no scheduler: leave --schedule out, and call this from cron")
    here = tables.pipeline_versions()[given.pipeline]
    if given.as_version not in (None, here):
        raise SubmissionError(
            f"the local stack runs the source tree, which has {given.pipeline} {here}, not {given.as_version}"
        )
    return run.perform(Platform(), run.parse(_asked(given)))  # pyright: ignore[reportCallIssue]


def _asked(given: argparse.Namespace) -> list[str]:
    """What is asked for, as a command line of ``pipelines.run``."""
    inputs = interface(yaml.safe_load(compiled(pipeline(given.pipeline)))).inputs
    arguments = parsed(given.param, inputs, usual(given.pipeline))
    return [given.pipeline, *options(arguments), *(["--reason", given.reason] if given.reason else [])]


def _run_as_jobs(given: argparse.Namespace) -> dict[str, Any]:
    # As for a server.
    from pipelines.jobs import door
    from pipelines.jobs.cluster_api import ClusterApi

    if given.schedule:
        raise SubmissionError(
            "the stack has the schedule: leave --schedule out, and set pipelines.schedule of the stack"
        )
    if given.as_version is not None:
        raise SubmissionError(
            "a run as Jobs is of the image's own version: leave --as-version out, and give its --image"
        )
    asked = _asked(given)
    # What would be refused there is refused here.
    run.parse(asked)
    api = ClusterApi(NAMESPACE)
    name = door.start(api, given.pipeline, asked, given.image)
    print(f"{name} is started", file=sys.stderr, flush=True)
    return door.outcome(api, name) if given.wait else {"status": "submitted", "job": name}


def _run_there(given: argparse.Namespace, endpoint: str) -> dict[str, Any]:
    # The client's imports take a second, which a local run does without.
    from pipelines.kfp_server import KfpServer

    if given.image is None:
        raise SubmissionError("a run on a cluster needs the components' image: give --image <repository>@sha256:...")
    cron = seconds_first(given.schedule) if given.schedule else ""
    version = _version(given)
    specification = yaml.safe_load(Published().document("pipelines", given.pipeline, version))
    inputs = interface(specification).inputs
    arguments = parsed(given.param, inputs, usual(given.pipeline))
    image = by_digest(given.image)
    # Of another version than the source tree's the packages are not known here.
    lock = "" if given.as_version else lock_sha256()
    components = Published().record("pipelines", given.pipeline, version).sources
    noted = {"image": image, "lock_sha256": lock, "by": "pipelines.submit", "reason": given.reason}
    tags = provenance(given.pipeline, str(version), components, **noted)
    arguments = supplied(given.pipeline, str(version), inputs, arguments, tags)
    document = on_cluster(specification, image, cuda=arguments.get(DEVICE) == CUDA)
    server = KfpServer(endpoint, token_file=given.token_file, authority_file=given.authority_file)
    uploaded = server.upload(given.pipeline, str(version), document)
    told = {"pipeline": given.pipeline, "version": uploaded.name, "uploaded": uploaded.is_new}
    if cron:
        schedule_id = server.schedule(given.pipeline, uploaded, arguments, cron)
        return told | {"status": "scheduled", "schedule_id": schedule_id, "schedule": cron}
    run_id = server.start(given.pipeline, uploaded, arguments, f"{given.pipeline}-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    told |= {"status": "submitted", "run_id": run_id, "url": server.run_url(run_id)}
    return told | _outcome(server, run_id) if given.wait else told


def _outcome(server: "KfpServer", run_id: str) -> dict[str, Any]:
    """How a run ended."""
    state = server.wait(run_id, lambda state: print(f"{run_id} is {state.lower()}", file=sys.stderr, flush=True))
    if state == "SUCCEEDED":
        return {"status": "succeeded"}
    return {"status": "failed", "error": f"the run is {state.lower()}; look at {server.run_url(run_id)}"}


def _version(given: argparse.Namespace) -> Version:
    """The version to run: the one asked for, else the source tree's, if it is published as it is."""
    if given.as_version is not None:
        return given.as_version
    faults = unpublished(given.pipeline, Published())
    if faults:
        raise SubmissionError(f"{'; '.join(faults)}; publish by `python -m pipelines.compile --bump`")
    return tables.pipeline_versions()[given.pipeline]


def supplied(
    name: str, version: str, inputs: Mapping[str, Any], arguments: Mapping[str, Any], tags: Mapping[str, str]
) -> dict[str, Any]:
    """The arguments with those that a person does not give: what the source contains, the study, the commit, and what
    is to be noted of the run.

    Args:
        name: The pipeline's.
        version: The pipeline's.
        inputs: What the pipeline takes.
        arguments: What a person gives, and the usual rest.
        tags: As from ``pipelines.driver.provenance``.

    Raises:
        SubmissionError: The source is a file, which a cluster does not see.
        SourceError: The source cannot be used.
    """
    found = dict(arguments)
    if "fingerprint" in inputs:
        source = str(arguments["source"])
        if source.partition(":")[0] not in (SYNTHETIC, TLC, LABELLED, SERVED):
            raise SubmissionError(
                f"source={source} is a file of this machine; a cluster reads {SYNTHETIC}, {TLC}:YYYY-MM or "
                f"{LABELLED}:<version of the trips>:<version of the labels>, or {SERVED}:<since>..<until>@<versions>"
            )
        found["fingerprint"] = fingerprint(source, int(arguments["rows"]), int(arguments["seed"]))
    if "study" in inputs:
        found["study"] = cause(name, version, found)
    rest = {"commit": current_commit(), "submission": Submission(found, tags).as_json()}
    return found | {input_name: value for input_name, value in rest.items() if input_name in inputs}


def seconds_first(cron: str) -> str:
    """A schedule with the field for seconds that Kubeflow Pipelines wants.

    Raises:
        SubmissionError: It has neither five fields nor six.
    """
    found = _CRON.fullmatch(cron.strip())
    if found is None:
        raise SubmissionError(
            f"--schedule {cron!r} is no schedule; give five fields in UTC, such as '0 3 * * 1': Mondays at 3"
        )
    return found[0] if found["seconds"] else f"0 {found[0]}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.submit", description=__doc__)
    parser.add_argument("pipeline", help="its name")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="an input of the pipeline")
    parser.add_argument("--reason", default="", help="why the run is started; noted with it")
    parser.add_argument("--schedule", metavar="CRON", help="run by the clock, in UTC, in place of an earlier schedule")
    parser.add_argument("--wait", action="store_true", help="until the run ends; its outcome is the exit status")
    parser.add_argument("--as-version", type=_version_of, metavar="VERSION", help="a published version, not the newest")
    parser.add_argument("--endpoint", help=f"address of Kubeflow Pipelines, or {DOOR}; else the platform's")
    parser.add_argument("--image", help="the components' image, by digest or by its tag in ECR; as Jobs, any")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="token of a service account")
    parser.add_argument("--authority-file", type=Path, metavar="FILE", help="who the address is trusted by, in PEM")
    return parser


def _version_of(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Submit; returns the exit status."""
    try:
        told = submit(_parser().parse_args(arguments))
    except (SubmissionError, DefinitionError, PublishedError, SourceError) as error:
        told = {"status": "failed", "error": str(error)}
    except ValidationError as error:
        missing = ", ".join(str(one["loc"][0]) for one in error.errors())
        told = {"status": "failed", "error": f"the platform is not known: {missing} are not set; or give --endpoint"}
    if told["status"] == "failed":
        sys.stderr.write(f"failed: {told['error']}\n")
    print(json.dumps(told))
    return 1 if told["status"] == "failed" else 0


if __name__ == "__main__":
    sys.exit(main())
