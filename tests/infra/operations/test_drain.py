"""A drain empties the cluster in the order of dependence, waits for AWS, and names what does not go."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from infra.operations import drain as kinds
from infra.operations.account import Account
from infra.operations.cluster_api import Kind, Object
from infra.operations.drain import Drain
from infra.operations.patience import Patience, TimedOut

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder


class Cluster:
    """A Kubernetes API whose controllers work one step at each ``tick``."""

    def __init__(self) -> None:
        self.objects: list[Object] = []
        self.deleted: list[str] = []
        self.going: dict[str, Callable[[], None]] = {}
        self._endings: dict[str, Callable[[], None]] = {}

    def add(
        self,
        kind: Kind,
        name: str,
        *,
        ending: Callable[[], None] | None = None,
        owner: Object | None = None,
        finalizers: tuple[str, ...] = (),
        **content: Any,
    ) -> Object:
        """An object whose controller runs ``ending`` before it lets it go; one with finalizers alone never goes."""
        metadata: dict[str, Any] = {"name": name, "namespace": "default", "finalizers": list(finalizers)}
        if owner is not None:
            metadata["ownerReferences"] = [
                {"apiVersion": owner.kind.version, "kind": owner.kind.name, "name": owner.name}
            ]
        one = Object(kind, {"metadata": metadata, **content})
        self.objects.append(one)
        if ending is not None:
            self._endings[str(one)] = ending
        return one

    def every(self, kind: Kind) -> list[Object]:
        return [one for one in self.objects if one.kind == kind]

    def find(self, kind: Kind, name: str, namespace: str | None) -> Object | None:
        return next((one for one in self.every(kind) if one.name == name), None)

    def delete(self, one: Object) -> None:
        if str(one) not in self.deleted:
            self.deleted.append(str(one))
        if str(one) in self._endings:
            self.going[str(one)] = self._endings[str(one)]
        elif not one.finalizers:
            self.remove(str(one))

    def remove(self, text: str) -> None:
        self.objects = [one for one in self.objects if str(one) != text]

    def tick(self, seconds: float = 0) -> None:
        for text, ending in list(self.going.items()):
            ending()
            self.remove(text)
            del self.going[text]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def drained(cluster: Cluster, account: Account, a_stack: "StackBuilder", told: list[str]) -> Callable[..., None]:
    """Drains the cluster, with a clock that its controllers move."""

    def run(tick: Callable[[float], None] = cluster.tick) -> None:
        passed = [0.0]

        def sleep(seconds: float) -> None:
            passed[0] += seconds
            tick(seconds)

        patience = Patience(tell=told.append, seconds=60, pause=5, now=lambda: passed[0], sleep=sleep)
        Drain(cluster, account, a_stack(), patience, told.append).run()

    return run


def a_balancer(aws: Any, cluster: str = "keelson-dev") -> str:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]
        for i, zone in enumerate("ab")
    ]
    made = aws("elbv2").create_load_balancer(
        Name=f"lb-{cluster}",
        Subnets=[one["SubnetId"] for one in subnets],
        Tags=[{"Key": "elbv2.k8s.aws/cluster", "Value": cluster}],
    )
    return made["LoadBalancers"][0]["LoadBalancerArn"]


def a_machine(aws: Any) -> str:
    image = aws("ec2").register_image(Name="image", RootDeviceName="/dev/xvda")["ImageId"]
    tags = [
        {"Key": "karpenter.sh/nodepool", "Value": "gpu"},
        {"Key": "kubernetes.io/cluster/keelson-dev", "Value": "owned"},
    ]
    made = aws("ec2").run_instances(
        ImageId=image,
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    return made["Instances"][0]["InstanceId"]


def a_disk(aws: Any) -> str:
    return aws("ec2").create_volume(AvailabilityZone="us-east-1a", Size=5)["VolumeId"]


def a_volume(cluster: Cluster, name: str, disk: str, policy: str = "Delete") -> Object:
    csi = {"driver": "ebs.csi.aws.com", "volumeHandle": disk}
    return cluster.add(kinds.VOLUME, name, spec={"persistentVolumeReclaimPolicy": policy, "csi": csi})


def a_pod_with_a_claim(cluster: Cluster, owner: Object | None) -> Object:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    return cluster.add(kinds.POD, "database-0", owner=owner, spec={"volumes": volumes})


def test_an_empty_cluster_is_drained_at_once(drained: Callable[..., None], told: list[str]) -> None:
    drained()
    assert told == []


def test_ingresses_go_and_their_balancers_are_waited_for(
    aws: Any, cluster: Cluster, drained: Callable[..., None]
) -> None:
    arn = a_balancer(aws)
    end = lambda: aws("elbv2").delete_load_balancer(LoadBalancerArn=arn)  # noqa: E731
    cluster.add(kinds.INGRESS, "pages", ending=end, finalizers=("ingress.k8s.aws/resources",))
    drained()
    assert aws("elbv2").describe_load_balancers()["LoadBalancers"] == []


def test_a_balancer_that_outlives_its_ingress_is_named(aws: Any, drained: Callable[..., None]) -> None:
    arn = a_balancer(aws)
    with pytest.raises(TimedOut, match=arn):
        drained()


def test_another_clusters_balancer_is_not_waited_for(aws: Any, drained: Callable[..., None]) -> None:
    a_balancer(aws, "keelson-prod")
    drained()


def test_services_with_a_balancer_go_and_others_stay(cluster: Cluster, drained: Callable[..., None]) -> None:
    cluster.add(kinds.SERVICE, "open", spec={"type": "LoadBalancer"})
    cluster.add(kinds.SERVICE, "inside", spec={"type": "ClusterIP"})
    drained()
    assert [one.name for one in cluster.every(kinds.SERVICE)] == ["inside"]


def test_rollouts_go_before_the_ingresses_that_they_write_to(cluster: Cluster, drained: Callable[..., None]) -> None:
    cluster.add(kinds.INGRESS, "pages")
    cluster.add(kinds.ROLLOUT, "serving")
    drained()
    assert cluster.deleted == ["Rollout default/serving", "Ingress default/pages"]


def test_disruption_budgets_go_first_of_all(cluster: Cluster, drained: Callable[..., None]) -> None:
    cluster.add(kinds.ROLLOUT, "serving")
    cluster.add(kinds.BUDGET, "serving")
    drained()
    assert cluster.deleted[0] == "PodDisruptionBudget default/serving"


def test_the_outermost_owner_of_what_mounts_a_claim_goes_before_the_claim(
    cluster: Cluster, drained: Callable[..., None]
) -> None:
    outer = cluster.add(Kind(version="monitoring.coreos.com/v1", name="Prometheus"), "prometheus")
    inner = cluster.add(Kind(version="apps/v1", name="StatefulSet"), "prometheus", owner=outer)
    a_pod_with_a_claim(cluster, inner)
    cluster.add(kinds.CLAIM, "data")
    drained()
    assert cluster.deleted == ["Prometheus default/prometheus", "PersistentVolumeClaim default/data"]


def test_the_disk_of_a_claim_is_waited_for_in_aws(aws: Any, cluster: Cluster, drained: Callable[..., None]) -> None:
    disk = a_disk(aws)
    volume = a_volume(cluster, "pv-1", disk)

    def release() -> None:
        aws("ec2").delete_volume(VolumeId=disk)
        cluster.remove(str(volume))

    cluster.add(kinds.CLAIM, "data", ending=release, finalizers=("kubernetes.io/pvc-protection",))
    drained()
    assert aws("ec2").describe_volumes()["Volumes"] == []


def test_a_disk_that_outlives_its_claim_is_named(aws: Any, cluster: Cluster, drained: Callable[..., None]) -> None:
    disk = a_disk(aws)
    volume = a_volume(cluster, "pv-1", disk)
    cluster.add(kinds.CLAIM, "data", ending=lambda: cluster.remove(str(volume)))
    with pytest.raises(TimedOut, match=disk):
        drained()


def test_a_retained_volume_stays_and_is_not_waited_for(
    aws: Any, cluster: Cluster, drained: Callable[..., None]
) -> None:
    a_volume(cluster, "mysql", a_disk(aws), policy="Retain")
    drained()
    assert [one.name for one in cluster.every(kinds.VOLUME)] == ["mysql"]


def test_node_pools_go_before_their_claims_and_the_machines_are_waited_for(
    aws: Any, cluster: Cluster, drained: Callable[..., None]
) -> None:
    machine = a_machine(aws)
    cluster.add(kinds.NODE_CLAIM, "gpu-1", ending=lambda: aws("ec2").terminate_instances(InstanceIds=[machine]))
    cluster.add(kinds.NODE_POOL, "gpu")
    drained()
    assert cluster.deleted == ["NodePool default/gpu", "NodeClaim default/gpu-1"]


def test_a_machine_that_outlives_its_claim_is_named(aws: Any, drained: Callable[..., None]) -> None:
    machine = a_machine(aws)
    with pytest.raises(TimedOut, match=machine):
        drained()


def test_what_does_not_go_is_named_with_the_finalizers_that_hold_it(
    cluster: Cluster, drained: Callable[..., None]
) -> None:
    cluster.add(kinds.INGRESS, "pages", finalizers=("ingress.k8s.aws/resources",))
    with pytest.raises(TimedOut, match=r"After 60 s .*Ingress default/pages, held by ingress\.k8s\.aws/resources"):
        drained()


def test_a_drain_that_was_interrupted_goes_on_where_it_stopped(
    aws: Any, cluster: Cluster, drained: Callable[..., None]
) -> None:
    arn = a_balancer(aws)
    end = lambda: aws("elbv2").delete_load_balancer(LoadBalancerArn=arn)  # noqa: E731
    cluster.add(kinds.INGRESS, "pages", ending=end, finalizers=("ingress.k8s.aws/resources",))
    cluster.add(kinds.NODE_POOL, "gpu")

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drained(interrupt)
    drained()
    assert cluster.objects == []


def test_progress_is_told_with_what_is_waited_for(
    cluster: Cluster, drained: Callable[..., None], told: list[str]
) -> None:
    cluster.add(kinds.INGRESS, "pages", ending=lambda: None, finalizers=("ingress.k8s.aws/resources",))
    drained()
    assert told == ["deleting Ingress default/pages", "waiting for 1 Ingress objects"]
