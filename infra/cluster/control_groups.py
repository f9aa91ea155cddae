"""The control groups that a cluster's pods are in: one group of the cluster's own in each hierarchy of the machine."""

import hashlib
import os
import signal
import time
from pathlib import Path

from infra.cluster.layout import ClusterLayout

_PATIENCE_SECONDS = 10.0


def name(layout: ClusterLayout) -> str:
    """Name of the cluster's group."""
    return f"keelson-{hashlib.sha256(str(layout.root).encode()).hexdigest()[:12]}"


def existing(layout: ClusterLayout) -> list[Path]:
    """The cluster's groups that are there."""
    return [group for hierarchy in _hierarchies() if (group := hierarchy / name(layout)).is_dir()]


def create(layout: ClusterLayout) -> None:
    """Make the group in every hierarchy: the kubelet makes those of pods in it, and does not start without."""
    for hierarchy in _hierarchies():
        group = hierarchy / name(layout)
        group.mkdir(exist_ok=True)
        # A new group of this controller has neither processors nor memory, and takes no process before it has.
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (group / file).exists() and (hierarchy / file).exists():
                (group / file).write_text((hierarchy / file).read_text())


def remove(layout: ClusterLayout) -> None:
    """Remove the cluster's groups, and end what is still in them. What cannot be removed stays in ``existing``."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (groups := existing(layout)) and time.monotonic() < deadline:
        for group in groups:
            _remove(group)
        time.sleep(0.05)


def _remove(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            for pid in (Path(folder) / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
            Path(folder).rmdir()
        except OSError:
            # A process is on its way out, or the group has gone by itself.
            continue


def _hierarchies() -> list[Path]:
    """Where the machine's hierarchies are mounted: one for each controller, or one for all."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted({Path(folder) for _, folder, kind, *_ in mounts if kind in ("cgroup", "cgroup2")})
