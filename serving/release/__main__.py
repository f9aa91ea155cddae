"""The client's half of a release: what is served and what could be, what the logs show, and what came of it.

``python -m serving.release plan`` | ``judge`` | ``settle`` each print one JSON line last. The stack's half, which
changes what is served, calls them in turn (``infra.local.release``).
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from components import contract
from components.platform import Platform
from components.promotion import Promotion, history, promote
from components.recording import champion
from components.releases import RELEASED, ROLLED_BACK, add_release, open_releases
from components.tracking import Tracking, TrackingError
from serving.release.decision import decide
from serving.release.evidence import Period, read_evidence
from serving.release.stages import STAGES

# Of a model version: what came of its release, and why.
RELEASE = "keelson.release"
_LONGEST_TAG = 5000


class ReleaseError(RuntimeError):
    """A release cannot go on; the message says why and what to do."""


def served(url: str) -> dict[str, Any]:
    """What the service at an address says that it serves: ``GET /model``.

    Raises:
        ReleaseError: It does not answer.
    """
    try:
        with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            return client.get("/model").raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise ReleaseError(f"{url}/model does not answer ({error}); `make status` shows what is running") from None


def plan(platform: Platform) -> dict[str, Any]:
    """What is served, and what the gate let through since.

    Returns:
        ``bundle`` that is deployed; ``variants``, the versions in it; ``champion``, the version that answers;
        ``previous``, the version that was champion before it, or None; ``challenger``, the registry's champion where
        that is another version that was not rolled back, else None; ``stages``, each with the ``mode`` and ``percent``
        of its traffic.
    """
    told = served(platform.serving_url)
    answers = told["traffic"]["champion"]
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        newest = champion(tracking)
    tried = newest is not None and newest.tags.get(RELEASE, "").startswith(ROLLED_BACK)
    waiting = newest is not None and str(newest.version) != answers and not tried
    return {
        "bundle": told["bundle"],
        "variants": [variant["model_version"] for variant in told["variants"]],
        "champion": answers,
        "previous": previous_champion(history(platform), int(answers)),
        "challenger": str(newest.version) if newest is not None and waiting else None,
        "stages": [{"name": stage.name, **stage.setting()} for stage in STAGES],
    }


def previous_champion(promotions: list[Promotion], version: int) -> str | None:
    """The version that was champion when this one first became it, also for one that was gone back to."""
    first = next((one for one in reversed(promotions) if one.promoted and one.version == version), None)
    return None if first is None or first.found is None else str(first.found)


def settle(platform: Platform, *, version: int, serves: int, outcome: str, reason: str, by: str) -> dict[str, Any]:
    """Write what came of a release on the model version and among the releases.

    The registry's champion becomes what serves.

    Args:
        platform: Names the registry.
        version: That was tried.
        serves: That answers now.
        outcome: RELEASED or ROLLED_BACK.
        reason: Why.
        by: Who decided.

    Raises:
        TrackingError: MLflow does not answer.
    """
    said = f"{outcome}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, {by}: {reason}"
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        tracking.set_version_tag(contract.MODEL_NAME, version, RELEASE, said[:_LONGEST_TAG])
        settled = {"version": version, "serves": serves, "outcome": outcome, "reason": reason, "by": by}
        add_release(open_releases(platform), **settled)
        newest = champion(tracking)
        if newest is not None and newest.version == serves:
            return {"says": said, "champion": serves}
        found = newest.version if newest else None
        done = promote(platform, tracking, version=serves, expected=found, reason=f"{outcome}: {reason}", by=by)
    return {"says": said, "champion": serves if done.promoted else found}


def main(arguments: list[str]) -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(prog="python -m serving.release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan", help="what is served, and which version waits")
    judging = commands.add_parser("judge", help="what the logs say about a challenger")
    judging.add_argument("--log", type=Path, required=True, help="folder of the service's logs")
    for name in ("champion", "challenger"):
        judging.add_argument(f"--{name}", required=True, help="model version")
    for name in ("release-since", "stage-since"):
        judging.add_argument(f"--{name}", type=datetime.fromisoformat, required=True, help="ISO 8601 with offset")
    judging.add_argument("--last", action="store_true", help="it would become champion next")
    settling = commands.add_parser("settle", help="note what came of a release")
    for name in ("version", "serves"):
        settling.add_argument(f"--{name}", type=int, required=True, help="model version")
    settling.add_argument("--outcome", choices=(RELEASED, ROLLED_BACK), required=True)
    settling.add_argument("--reason", required=True)
    settling.add_argument("--by", default="release")
    given = vars(parser.parse_args(arguments))
    command = given.pop("command")
    try:
        print(json.dumps(_run(command, given)), flush=True)
    except (ReleaseError, TrackingError) as error:
        sys.exit(f"release: {error}")


def _run(command: str, given: dict[str, Any]) -> dict[str, Any]:
    if command == "judge":
        period = Period(given["release_since"], given["stage_since"])
        versions = {name: given[name] for name in ("champion", "challenger")}
        found = read_evidence(given["log"], **versions, period=period)
        decision = decide(found, last=given["last"])
        return {"action": decision.action, "reasons": decision.reasons, "labels": found.labels}
    platform = Platform()  # pyright: ignore[reportCallIssue]
    return plan(platform) if command == "plan" else settle(platform, **given)


if __name__ == "__main__":
    main(sys.argv[1:])
