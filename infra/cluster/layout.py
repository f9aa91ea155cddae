"""Where a cluster keeps its things: everything is under one folder."""

from pathlib import Path

from infra.local.layout import Layout

CLONE = Path(__file__).resolve().parents[2]


class ClusterLayout(Layout):
    """Paths of one cluster.

    Attributes:
        root: Its folder; nothing of it is anywhere else on disk.
    """

    @property
    def local(self) -> Path:
        return self.root

    @property
    def record(self) -> Path:
        """What was chosen when the cluster was made."""
        return self.root / "cluster.json"

    @property
    def kubeconfig(self) -> Path:
        """For people and tests: the cluster's administrator."""
        return self.root / "kubeconfig"

    @property
    def keys(self) -> Path:
        """Certificates, private keys and the servers' own kubeconfigs."""
        return self.root / "keys"


def of_clone() -> ClusterLayout:
    """The one cluster of this clone."""
    return ClusterLayout(CLONE / ".local" / "cluster")
