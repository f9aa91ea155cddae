"""Emptying a cluster while its controllers live: they alone remove what they made in AWS.

The order is that of dependence: what brings traffic, then what holds volumes, then the machines. Each step looks at
what is there, so a drain that was interrupted goes on where it stopped.
"""

from collections.abc import Callable, Iterable

from infra.operations import controllers
from infra.operations.account import Account
from infra.operations.cluster_api import ClusterApi, Kind, Object
from infra.operations.patience import Patience, TimedOut
from infra.operations.stack import Stack

BUDGET = Kind(version="policy/v1", name="PodDisruptionBudget")
ROLLOUT = Kind(version="argoproj.io/v1alpha1", name="Rollout")
INGRESS = Kind(version="networking.k8s.io/v1", name="Ingress")
SERVICE = Kind(version="v1", name="Service")
POD = Kind(version="v1", name="Pod")
CLAIM = Kind(version="v1", name="PersistentVolumeClaim")
VOLUME = Kind(version="v1", name="PersistentVolume")
NODE_POOL = Kind(version="karpenter.sh/v1", name="NodePool")
NODE_CLAIM = Kind(version="karpenter.sh/v1", name="NodeClaim")
EBS = "ebs.csi.aws.com"


class Drain:
    """Empties one cluster.

    Args:
        tell: Called with each sentence of progress.
    """

    def __init__(
        self, api: ClusterApi, account: Account, stack: Stack, patience: Patience, tell: Callable[[str], None]
    ) -> None:
        self._api, self._account, self._stack = api, account, stack
        self._patience, self._tell = patience, tell

    def run(self) -> None:
        """All steps in order.

        Raises:
            TimedOut: Something does not go; the message names it and who holds it.
            ClusterUnreachable: The API stopped answering.
            AccountError: AWS refused an answer.
        """
        # A budget of disruptions would keep the last pod, and with it its node, for ever.
        self._delete(self._api.every(BUDGET))
        self._traffic()
        self._storage()
        self._machines()

    def _traffic(self) -> None:
        """Rollouts first: their controller writes to the Ingresses."""
        for kind, chosen in ((ROLLOUT, _always), (INGRESS, _always), (SERVICE, _is_balanced)):
            self._end(kind, chosen)
        account, stack = self._account, self._stack
        self._patience.until_gone("load balancers in AWS", lambda: controllers.balancers(account, stack))
        self._patience.until_gone("target groups in AWS", lambda: controllers.target_groups(account, stack))

    def _storage(self) -> None:
        """Whatever mounts a claim goes before the claim, by the outermost owner, or that one would make it again."""
        volumes = {one.name: one for one in self._api.every(VOLUME) if _ends_with_claim(one)}
        handles = [one.content["spec"]["csi"]["volumeHandle"] for one in volumes.values()]
        owners = {str(owner): owner for pod in self._api.every(POD) if _mounts(pod) for owner in [self._owner(pod)]}
        self._delete(owners.values())
        self._end(CLAIM, _always)
        self._wait("volumes of claims", lambda: [one for one in self._api.every(VOLUME) if one.name in volumes])
        self._patience.until_gone("volumes in AWS", lambda: controllers.volumes(self._account, handles))

    def _machines(self) -> None:
        """The pools first, or Karpenter would replace the machines that go."""
        self._delete(self._api.every(NODE_POOL))
        self._end(NODE_CLAIM, _always)
        self._wait("NodePool objects", lambda: self._api.every(NODE_POOL))
        account, stack = self._account, self._stack
        self._patience.until_gone("machines of Karpenter in AWS", lambda: controllers.machines(account, stack))

    def _owner(self, one: Object) -> Object:
        """The outermost object that owns this one."""
        for reference in one.content["metadata"].get("ownerReferences") or ():
            kind = Kind(version=reference["apiVersion"], name=reference["kind"])
            owner = self._api.find(kind, reference["name"], one.namespace)
            if owner is not None:
                return self._owner(owner)
        return one

    def _end(self, kind: Kind, chosen: Callable[[Object], bool]) -> None:
        def look() -> list[Object]:
            return [one for one in self._api.every(kind) if chosen(one)]

        self._delete(look())
        self._wait(f"{kind.name} objects", look)

    def _delete(self, objects: Iterable[Object]) -> None:
        for one in objects:
            self._tell(f"deleting {one}")
            self._api.delete(one)

    def _wait(self, what: str, look: Callable[[], list[Object]]) -> None:
        try:
            self._patience.until_gone(what, look, _held)
        except TimedOut as error:
            raise TimedOut(
                f"{error} A finalizer is taken off by the controller that set it: see its log with `kubectl logs`, "
                "and run this again; it goes on from here."
            ) from None


def _always(one: Object) -> bool:
    return True


def _is_balanced(one: Object) -> bool:
    return one.content.get("spec", {}).get("type") == "LoadBalancer"


def _mounts(pod: Object) -> bool:
    return any("persistentVolumeClaim" in volume for volume in pod.content.get("spec", {}).get("volumes") or ())


def _ends_with_claim(volume: Object) -> bool:
    """Whether the EBS driver deletes the disk when its claim goes; a retained one, such as MySQL's, outlives it."""
    spec = volume.content.get("spec", {})
    return spec.get("persistentVolumeReclaimPolicy") == "Delete" and spec.get("csi", {}).get("driver") == EBS


def _held(one: Object) -> str:
    return f"{one}, held by {', '.join(one.finalizers)}" if one.finalizers else str(one)
