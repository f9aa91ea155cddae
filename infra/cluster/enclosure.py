"""What a real node is enclosed in: process, mount and network namespaces of its own, which end with its supervisor.

Whatever runs in there, mounts, network interfaces and firewall rules among it, goes when the kernel ends the first
process of the namespaces, also by ``kill -9``. Only control groups and files stay, and they have names.

Usage: ``python -m infra.cluster.enclosure ROOT COMMAND [ARGUMENT ...]``, as the first process of new namespaces.
"""

import os
import subprocess
import sys
from pathlib import Path

from infra.cluster import control_groups
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import NODE_ADDRESS
from infra.local import processes

_NETWORK = "node"
# The network namespace, by a file that is seen inside of the mount namespace alone.
NETWORK_FILE = f"/run/netns/{_NETWORK}"
IN_NETWORK = ("nsenter", f"--net={NETWORK_FILE}", "--")
# Folders that container runtime and kubelet write to by default. In there they are folders of the cluster's own.
_COVERED = ("/run", "/var/lib", "/var/log")


def around(layout: ClusterLayout) -> list[str]:
    """The command that encloses another one, which follows it."""
    new = ["unshare", "--mount", "--propagation=slave", "--pid", "--mount-proc", "--fork", "--kill-child", "--"]
    return [*new, str(layout.python), "-m", "infra.cluster.enclosure", str(layout.root)]


def inside(layout: ClusterLayout) -> list[str]:
    """The command that runs another one, which follows it, among the node's processes and mounts.

    Raises:
        ProcessLookupError: No node is there.
    """
    for process in processes.of_stack(layout.root):
        if process.name() != "unshare":
            return ["nsenter", f"--target={process.pid}", "--mount", "--pid", "--"]
    raise ProcessLookupError(f"no process of the cluster in {layout.root} is there")


def covers(place: Path) -> str | None:
    """The folder that would not be seen in there, and that ``place`` lies in."""
    return next((folder for folder in _COVERED if place.is_relative_to(folder)), None)


def main() -> None:
    """Make the node's surroundings, and replace this process by the command."""
    root, *command = sys.argv[1:]
    layout = ClusterLayout(Path(root))
    control_groups.create(layout)
    # What is mounted for a pod must be seen by all of the node; the machine sees none of it.
    _run("mount", "--make-rshared", "/")
    for folder in _COVERED:
        own = layout.data / "node" / folder.strip("/").replace("/", "-")
        own.mkdir(parents=True, exist_ok=True)
        own.chmod(0o755)
        _run("mount", "--bind", str(own), folder)
    _run("ip", "netns", "add", _NETWORK)
    for arguments in (
        ["link", "set", "lo", "up"],
        # A pair whose ends are both in here: an address that is not loopback, and no way out.
        ["link", "add", "node0", "type", "veth", "peer", "name", "node1"],
        ["address", "add", f"{NODE_ADDRESS}/24", "dev", "node0"],
        ["link", "set", "node0", "up"],
        ["link", "set", "node1", "up"],
    ):
        _run("ip", "-netns", _NETWORK, *arguments)
    os.execvp(command[0], command)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
