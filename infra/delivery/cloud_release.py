"""A bundle in an environment of the cloud: `pulumi up` with its tag, and what Argo Rollouts makes of it."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from infra.aws.naming import prefix
from infra.delivery.rollout import Verdict, reason, verdict
from infra.operations.account import Account
from infra.operations.cluster_api import ClusterApi, Kind, connected
from infra.operations.pulumi_cli import PulumiCli, at_edge

PACK = "infra/policies/pack"
_ROLLOUT = Kind(version="argoproj.io/v1alpha1", name="Rollout")
_NAME = _NAMESPACE = "serving"
_LOOK_SECONDS = 15.0


def bundle_setting(bundle: str | None) -> list[str]:
    """Options of Pulumi that set the served bundle; none where no bundle is served."""
    return ["--config", f"keelson:bundle={bundle}"] if bundle else []


def release(environment: str, region: str, bundle: str, before: str | None, *, patience: float) -> dict[str, Any]:
    """Roll a bundle out, and put the one before it back where it is taken back.

    Args:
        environment: Of the cloud.
        region: Of its cluster.
        bundle: Tag of the bundle, whose image is in the environment's repository.
        before: Tag of the bundle that is served now.
        patience: Seconds that the roll-out may take before it is left to a person.

    Returns:
        ``outcome``: released, rolled back or held; ``champion``, the bundle that answers; ``reason``.

    Raises:
        infra.operations.pulumi_cli.PulumiError: `pulumi up` failed.
        infra.operations.cluster_api.ClusterGone, ClusterUnreachable: The cluster cannot be asked.
    """
    pulumi = at_edge(environment, os.environ)
    _up(pulumi, bundle)
    with connected(Account(region), prefix(environment)) as api:
        told = watched(lambda: _rollout(api), bundle, patience=patience)
    if told["outcome"] == Verdict.ROLLED_BACK and before is not None:
        _up(pulumi, before)
    return {**told, "champion": bundle if told["outcome"] == Verdict.RELEASED else before}


def watched(
    look: Callable[[], Mapping[str, Any]], bundle: str, *, patience: float, pause: float = _LOOK_SECONDS
) -> dict[str, str]:
    """Look at the Rollout until it has ended, or patience has; returns ``outcome`` and ``reason``."""
    until = time.monotonic() + patience
    while True:
        found = look()
        outcome = verdict(found, bundle)
        if outcome is not None or time.monotonic() > until:
            said = "every share of the callers was answered well" if outcome is Verdict.RELEASED else reason(found)
            return {"outcome": outcome or "held", "reason": said}
        print(f"{bundle}: {(found.get('status') or {}).get('phase', 'not seen yet')}", file=sys.stderr, flush=True)
        time.sleep(pause)


def _rollout(api: ClusterApi) -> Mapping[str, Any]:
    found = api.find(_ROLLOUT, _NAME, _NAMESPACE)
    # It is there once Pulumi has succeeded; whoever deletes it meanwhile has ended the release.
    return found.content if found else {"metadata": {"generation": 0}, "spec": _NOTHING, "status": {}}


_NOTHING = {"template": {"spec": {"containers": [{"image": ""}]}}}


def _up(pulumi: PulumiCli, bundle: str) -> None:
    pulumi.run("up", "--yes", "--policy-pack", PACK, *bundle_setting(bundle))
