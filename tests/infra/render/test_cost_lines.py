"""What single resources cost, worked out by hand; what has no price is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.render import cost
from infra.render.prices import HOURS, Prices, prices
from infra.render.recording import Recording, Resource

TABLE = prices()


def price(row: str) -> float:
    return TABLE.prices[row].usd


def a(kind: str, name: str = "one", /, **inputs: Any) -> Resource:
    return Resource(urn=f"urn:pulumi:dev::keelson::{kind}::{name}", type=kind, name=name, inputs=inputs)


def report(*resources: Resource, table: Prices = TABLE) -> cost.CostReport:
    """Of a stack of nothing but a cluster and these."""
    cluster = a("aws:eks/cluster:Cluster", "cluster")
    return cost.report(Recording(stack="dev", resources=(cluster, *resources), outputs={}), table)


def idle(*resources: Resource) -> float:
    return report(*resources).idle - report().idle


def loaded(*resources: Resource) -> float:
    return report(*resources).loaded - report().loaded


def database(**inputs: Any) -> Resource:
    given_ = {"engine": "postgres", "instanceClass": "db.t4g.micro", "allocatedStorage": 20, "storageType": "gp3"}
    return a("aws:rds/instance:Instance", "postgres", **{**given_, **inputs})


def template(*sizes: int, **inputs: Any) -> Resource:
    disks = [{"ebs": {"volumeSize": size, "volumeType": "gp3"}} for size in sizes]
    return a("aws:ec2/launchTemplate:LaunchTemplate", "t", blockDeviceMappings=disks, **inputs)


def node_group(*kinds: str, count: int = 1, capacity: str = "ON_DEMAND") -> Resource:
    return a(
        "aws:eks/nodeGroup:NodeGroup",
        instanceTypes=list(kinds),
        capacityType=capacity,
        scalingConfig={"desiredSize": count},
        launchTemplate={"id": "<t.id>"},
    )


def pool(*requirements: dict[str, Any], limits: dict[str, str]) -> tuple[Resource, Resource]:
    disks = [{"ebs": {"volumeSize": "100Gi"}}]
    node_class = a(
        "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass",
        "class",
        metadata={"name": "default"},
        spec={"blockDeviceMappings": disks},
    )
    machines = {"nodeClassRef": {"name": "default"}, "requirements": list(requirements)}
    return node_class, a("kubernetes:karpenter.sh/v1:NodePool", spec={"limits": limits, "template": {"spec": machines}})


def page(name: str, group: str = "keelson", scheme: str = "internet-facing", kind: str = "alb") -> Resource:
    prefix = "alb.ingress.kubernetes.io"
    metadata = {"annotations": {f"{prefix}/group.name": group, f"{prefix}/scheme": scheme}}
    spec = {"ingressClassName": kind}
    return a("kubernetes:networking.k8s.io/v1:Ingress", name, metadata=metadata, spec=spec)


def test_the_smallest_database_adds_up() -> None:
    # 730 hours at 0.016, 20 GB at 0.115, and the secret of its master user.
    assert idle(database(manageMasterUserPassword=True)) == pytest.approx(730 * 0.016 + 20 * 0.115 + 0.40)


def test_a_standby_doubles_machine_and_storage_but_not_the_secret() -> None:
    twice = 2 * (730 * 0.016 + 20 * 0.115)
    assert idle(database(multiAz=True, manageMasterUserPassword=True)) == pytest.approx(twice + 0.40)


def test_enhanced_monitoring_is_paid_for_as_logs() -> None:
    watched = idle(database(monitoringInterval=60)) - idle(database(monitoringInterval=0))
    assert watched == pytest.approx(0.1 * TABLE.rest.log_gb * 0.50)


def test_gateways_cost_by_the_hour_and_share_the_stacks_data() -> None:
    gateways = [a("aws:ec2/natGateway:NatGateway", name) for name in ("a", "b")]
    assert idle(*gateways) == pytest.approx(2 * 0.045 * 730)
    assert loaded(*gateways) == pytest.approx(0.045 * (2 * 730 + TABLE.load.nat_gb))


def test_machines_count_as_often_as_they_stand_there_with_their_disks() -> None:
    assert idle(template(40, 10), node_group("m6i.large", count=3)) == pytest.approx(3 * (730 * 0.096 + 50 * 0.08))


def test_spot_machines_cost_the_spot_price_of_their_first_type_and_name_the_dearest() -> None:
    lines = report(template(), node_group("t3a.large", "m5.large", "t3.large", capacity="SPOT")).lines
    (line,) = [one for one in lines if one.resource == "one"]
    assert line.idle == pytest.approx(730 * 0.0258)
    assert line.price.approximate
    assert line.note == "may be m5.large at 0.0418 an hour instead"


def test_what_stands_at_approximate_prices_is_summed() -> None:
    found = report(template(), node_group("t3a.large", capacity="SPOT"))
    assert found.approximate == pytest.approx(730 * 0.0258)
    assert found.idle == pytest.approx(found.approximate + 730 * 0.10)


def test_spot_machines_of_a_type_without_a_spot_price_are_taken_at_the_highest_that_it_can_be() -> None:
    lines = report(template(), node_group("t4g.nano", capacity="SPOT")).lines
    (line,) = [one for one in lines if one.resource == "one"]
    assert line.idle == pytest.approx(730 * TABLE.instances["t4g.nano"].usd)
    assert line.price.approximate


def test_a_single_machine_takes_type_and_disk_from_its_template_and_pays_for_its_address() -> None:
    machine = a("aws:ec2/instance:Instance", launchTemplate={"id": "<t.id>"}, associatePublicIpAddress=True)
    assert idle(template(8, instanceType="t4g.nano"), machine) == pytest.approx(730 * (0.0042 + 0.005) + 8 * 0.08)


def test_an_endpoint_in_the_route_table_is_free_and_one_in_a_subnet_costs_for_each_zone() -> None:
    kind = "aws:ec2/vpcEndpoint:VpcEndpoint"
    assert idle(a(kind, vpcEndpointType="Gateway")) == 0
    assert idle(a(kind, vpcEndpointType="Interface", subnetIds=["a", "b"])) == pytest.approx(2 * 730 * 0.01)


def test_logs_are_paid_for_when_written_and_for_as_long_as_they_are_kept() -> None:
    group = a("aws:cloudwatch/logGroup:LogGroup", name="/aws/eks/keelson-dev/cluster", retentionInDays=60)
    assert idle(group) == pytest.approx(TABLE.rest.log_gb * (0.50 + 2 * 0.03))


def test_flow_records_in_a_bucket_cost_less_than_logs_and_parquet_costs_extra() -> None:
    kind, size = "aws:ec2/flowLog:FlowLog", TABLE.rest.flow_log_gb
    plain = a(kind, logDestinationType="s3")
    parquet = a(kind, logDestinationType="s3", destinationOptions={"fileFormat": "parquet"})
    assert idle(plain) == pytest.approx(size * price("log_delivery_s3"))
    assert idle(parquet) == pytest.approx(size * (price("log_delivery_s3") + price("log_parquet")))
    assert idle(a(kind, logDestinationType="cloud-watch-logs")) == pytest.approx(size * 0.50)


def test_repositories_share_the_stacks_images() -> None:
    repositories = [a("aws:ecr/repository:Repository", name) for name in ("a", "b", "c")]
    assert idle(*repositories) == pytest.approx(TABLE.rest.image_gb * 0.10)


def test_a_secret_is_paid_for_in_each_region() -> None:
    assert idle(a("aws:secretsmanager/secret:Secret", replicas=[{"region": "us-west-2"}])) == pytest.approx(2 * 0.40)


def test_a_rotated_key_says_what_it_will_cost_later() -> None:
    (line,) = [one for one in report(a("aws:kms/key:Key", enableKeyRotation=True)).lines if one.item == "key"]
    assert line.idle == 1
    assert "1 more a month after the first and after the second" in line.note


def test_a_cluster_that_may_outlive_its_version_says_what_that_costs() -> None:
    (line,) = report().lines
    assert line.note == "0.50 an hour more once its version is in extended support"


def test_pages_of_a_group_share_a_load_balancer_with_an_address_in_each_public_subnet() -> None:
    tags = {"kubernetes.io/role/elb": "1"}
    subnets = [a("aws:ec2/subnet:Subnet", name, tags=tags) for name in ("a", "b", "c")]
    private = a("aws:ec2/subnet:Subnet", "private", tags={})
    expected = 730 * (0.0225 + 3 * 0.005)
    assert idle(*subnets, private, page("x"), page("y")) == pytest.approx(expected)
    assert idle(*subnets, private, page("x"), page("y", group="other")) == pytest.approx(2 * expected)
    more = 730 * 0.008 * TABLE.load.lcu + 0.09 * TABLE.load.internet_gb
    assert loaded(*subnets, private, page("x")) == pytest.approx(expected + more)


def test_an_internal_page_has_no_public_address() -> None:
    subnet = a("aws:ec2/subnet:Subnet", "a", tags={"kubernetes.io/role/elb": "1"})
    assert idle(subnet, page("x", scheme="internal")) == pytest.approx(730 * 0.0225)


def test_disks_of_claims_sets_and_charts_are_counted_and_a_bound_claim_only_once() -> None:
    claim = {"resources": {"requests": {"storage": "10Gi"}}}
    kind = "kubernetes:core/v1:PersistentVolumeClaim"
    assert idle(a(kind, spec=claim)) == pytest.approx(10 * 0.08)
    assert idle(a(kind, spec={**claim, "volumeName": "made"})) == 0
    stateful = {"replicas": 3, "volumeClaimTemplates": [{"spec": claim}]}
    assert idle(a("kubernetes:apps/v1:StatefulSet", spec=stateful)) == pytest.approx(3 * 10 * 0.08)
    stored = {"replicas": 2, "storageSpec": {"volumeClaimTemplate": {"spec": claim}}}
    values = {"prometheus": {"prometheusSpec": stored}, "grafana": {"persistence": {"enabled": True, "size": "1Ti"}}}
    assert idle(a("kubernetes:helm.sh/v4:Chart", values=values)) == pytest.approx((20 + 1024) * 0.08)


def test_a_disk_of_a_pods_own_is_counted_for_each_copy_at_rest() -> None:
    claim = {"resources": {"requests": {"storage": "10Gi"}}}
    volumes = [{"emptyDir": {}}, {"ephemeral": {"volumeClaimTemplate": {"spec": claim}}}]
    spec = {"template": {"spec": {"volumes": volumes}}}
    kind, metadata = "kubernetes:argoproj.io/v1alpha1:Rollout", {"name": "serving"}
    assert idle(a(kind, spec={**spec, "replicas": 2}, metadata=metadata)) == pytest.approx(2 * 10 * 0.08)
    scaler = a(
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
        spec={"scaleTargetRef": {"name": "serving"}, "minReplicas": 3, "maxReplicas": 12},
    )
    assert idle(a(kind, spec=spec, metadata=metadata), scaler) == pytest.approx(3 * 10 * 0.08)


def test_gpu_machines_cost_nothing_at_rest_and_their_hours_and_disks_at_load() -> None:
    types = {"key": "node.kubernetes.io/instance-type", "values": ["g4dn.xlarge"]}
    gpus = pool(types, limits={"nvidia.com/gpu": "1"})
    hours = TABLE.load.gpu_hours
    assert idle(*gpus) == 0
    assert loaded(*gpus) == pytest.approx(hours * 0.526 + 100 * 0.08 * hours / HOURS)


def test_workers_of_any_type_are_taken_to_be_of_the_stated_type_at_its_spot_price() -> None:
    workers = pool({"key": "karpenter.sh/capacity-type", "values": ["spot", "on-demand"]}, limits={"cpu": "32"})
    hours, kind = TABLE.load.cpu_worker_hours, TABLE.load.cpu_worker_type
    assert loaded(*workers) == pytest.approx(hours * price(f"spot {kind}") + 100 * 0.08 * hours / HOURS)


@pytest.mark.parametrize(("volume", "snapshots"), [(True, 1), (False, 2)])
def test_a_stack_without_its_cluster_keeps_a_snapshot_of_each_database(volume: bool, snapshots: int) -> None:
    kept = (a("aws:kms/key:Key"), *((a("aws:ebs/volume:Volume", size=1, type="gp3"),) if volume else ()))
    lines = cost.report(Recording(stack="dev", resources=kept, outputs={}), TABLE).lines
    (line,) = [one for one in lines if one.resource == "final snapshots"]
    assert line.idle == pytest.approx(snapshots * TABLE.rest.snapshot_gb * 0.095)


def test_a_type_that_nobody_thought_of_is_named_and_not_taken_for_free() -> None:
    found = report(a("aws:braket/job:Job", "quantum"))
    assert found.unknown == ("aws:braket/job:Job: no price and no reason why it is free (quantum)",)
    assert "- aws:braket/job:Job" in found.markdown()


@pytest.mark.parametrize(
    "kind", ["kubernetes:s3.services.k8s.aws/v1:Bucket", "random:index/id:Id", "aws:batch/jobQueue:JobQueue"]
)
def test_what_makes_things_outside_the_cluster_is_not_free_because_of_its_package(kind: str) -> None:
    assert report(a(kind)).unknown == (f"{kind}: no price and no reason why it is free (one)",)


UNPRICED = {
    "a class": (database(instanceClass="db.r8g.48xlarge"), "class db.r8g.48xlarge"),
    "an engine": (database(engine="oracle-ee"), "oracle-ee"),
    "a storage type": (database(storageType="io2"), "rds_storage_io2"),
    "a size": (database(allocatedStorage="<snapshot.size>"), "its allocatedStorage is not given"),
    "a volume type": (a("aws:ebs/volume:Volume", size=8, type="io2"), "ebs_io2"),
    "a machine": (node_group("u-24tb1.metal"), "machines of type u-24tb1.metal"),
    "a dearer machine": (node_group("m6i.large", "u-24tb1.metal"), "machines of type u-24tb1.metal"),
    "logs kept for ever": (a("aws:cloudwatch/logGroup:LogGroup", name="/aws/eks/k/cluster"), "they are kept for ever"),
    "a class of ingress": (page("x", kind="nginx"), "class nginx"),
    "a service": (a("kubernetes:core/v1:Service", spec={"type": "LoadBalancer"}), "load balancer of service one"),
    "a chart's service": (
        a("kubernetes:helm.sh/v4:Chart", values={"items": [{"service": {"type": "LoadBalancer"}}]}),
        "load balancer of a service of one",
    ),
    "a chart's disk": (
        a("kubernetes:helm.sh/v4:Chart", values={"persistence": {"enabled": True}}),
        "its size is the chart's default",
    ),
    "a node class": (pool({"key": "-"}, limits={})[1], "the node class default is not in the stack"),
}


@pytest.mark.parametrize("what", UNPRICED)
def test_what_has_no_price_is_named(what: str) -> None:
    resource, words = UNPRICED[what]
    (unknown,) = report(template(), resource).unknown
    assert words in unknown


def test_a_row_that_the_table_lacks_is_named() -> None:
    fewer = TABLE.model_copy(update={"prices": {row: one for row, one in TABLE.prices.items() if row != "kms_key"}})
    assert report(a("aws:kms/key:Key"), table=fewer).unknown == ("key of one: [prices] has no row kms_key",)


@given(small=st.integers(1, 500), more=st.integers(1, 500), standby=st.booleans())
def test_a_larger_database_costs_more(small: int, more: int, standby: bool) -> None:
    assert idle(database(allocatedStorage=small, multiAz=standby)) < idle(
        database(allocatedStorage=small + more, multiAz=standby)
    )


@given(count=st.integers(0, 20), more=st.integers(1, 20), size=st.integers(1, 500))
def test_more_machines_cost_more(count: int, more: int, size: int) -> None:
    assert idle(template(size), node_group("m6i.large", count=count)) < idle(
        template(size), node_group("m6i.large", count=count + more)
    )


@given(size=st.integers(1, 5000))
def test_a_claim_costs_the_same_in_every_unit(size: int) -> None:
    def claim(quantity: str) -> Resource:
        spec = {"resources": {"requests": {"storage": quantity}}}
        return a("kubernetes:core/v1:PersistentVolumeClaim", spec=spec)

    assert idle(claim(f"{size}Gi")) == pytest.approx(idle(claim(f"{size * 1024}Mi")), abs=1e-9)
