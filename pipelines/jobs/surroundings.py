"""What the pod that orchestrates a run passes on to its steps: a pure function of the pod as Kubernetes tells it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.images import is_by_digest
from pipelines.submission_error import SubmissionError

_JOB, _JOB_UID = "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid"
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")
_TAG = re.compile(r"(:[\w.-]+)?(@.*)?$")
# Of the pod, and of its container.
_OF_POD = ("affinity", "imagePullSecrets", "priorityClassName", "securityContext")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What steps have in common with the pod that starts them.

    Attributes:
        namespace: Where both run.
        run: Name of the run, which is that of the pod's Job.
        key: The same with what no other Job of the name has: who deletes a Job may give its name to another one.
        owner: The pod, as an owner reference: Kubernetes removes what it made when it is gone.
        image: The pod's image, by digest where a registry told one.
        pull_policy: When a node asks the registry for it.
        pod: Parts of the pod's specification that its steps have too.
        security: What the container may not do.
        claim: The volume that they share, by its claim.
        folder: Where it is mounted.
    """

    namespace: str
    run: str
    key: str
    owner: Mapping[str, str]
    image: str
    pull_policy: str
    pod: Mapping[str, Any]
    security: Mapping[str, Any]
    claim: str
    folder: Path

    @classmethod
    def of(cls, pod: Mapping[str, Any]) -> "Surroundings":
        """What the pod passes on.

        Raises:
            SubmissionError: It is of no Job, or has no volume that steps could share, or more than one.
        """
        metadata, spec = pod["metadata"], pod["spec"]
        if _JOB_UID not in metadata.get("labels", {}):
            raise SubmissionError(f"the pod {metadata['name']} is of no Job; make one of the CronJob of runs")
        (container, *_) = spec["containers"]
        claim, folder = _shared(spec, container)
        image = _image(container["image"], pod)
        run = metadata["labels"][_JOB]
        return cls(
            namespace=metadata["namespace"],
            run=run,
            key=f"{run}-{metadata['labels'][_JOB_UID][:8]}",
            owner={"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]},
            image=image,
            # What a digest names never changes.
            pull_policy="IfNotPresent" if is_by_digest(image) else container["imagePullPolicy"],
            pod={part: spec[part] for part in _OF_POD if spec.get(part)},
            security=container.get("securityContext", {}),
            claim=claim,
            folder=Path(folder),
        )


def _shared(spec: Mapping[str, Any], container: Mapping[str, Any]) -> tuple[str, str]:
    """Claim and folder of the volume."""
    claims = {
        one["name"]: one["persistentVolumeClaim"]["claimName"]
        for one in spec.get("volumes", [])
        if "persistentVolumeClaim" in one
    }
    found = [(claims[one["name"]], one["mountPath"]) for one in container["volumeMounts"] if one["name"] in claims]
    if len(found) != 1:
        raise SubmissionError(
            f"the pod that starts steps has {len(found)} volumes by claims, and shares exactly one with them; "
            "mount one PersistentVolumeClaim in it"
        )
    return found[0]


def _image(named: str, pod: Mapping[str, Any]) -> str:
    """The image that runs: a tag may have been moved since. An image that no registry gave has no digest to ask by."""
    running = [one.get("imageID", "") for one in (pod.get("status") or {}).get("containerStatuses") or []]
    digest = _DIGEST.search(running[0]) if running else None
    # A registry's port is no tag.
    folder, slash, last = named.rpartition("/")
    return f"{folder}{slash}{_TAG.sub('', last)}@{digest[1]}" if digest else named
