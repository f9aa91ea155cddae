"""What Kubernetes objects make AWS charge for: disks, load balancers, machines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.render.cost.meter import Meter
from infra.render.prices import HOURS
from infra.render.recording import Resource

_GPU = "nvidia.com/gpu"
_GROUP = "alb.ingress.kubernetes.io/group.name"
_SCHEME = "alb.ingress.kubernetes.io/scheme"
_PUBLIC_SUBNET = "kubernetes.io/role/elb"
_UNITS = {"Mi": 1 / 1024, "Gi": 1, "Ti": 1024}


def _claim(meter: Meter, resource: Resource) -> None:
    spec = resource.inputs["spec"]
    # A claim that names its volume takes one that is counted already.
    if not spec.get("volumeName"):
        meter.charge_months(resource.name, "disk", "ebs_gp3", _requested(spec))


def _stateful_set(meter: Meter, resource: Resource) -> None:
    spec = resource.inputs["spec"]
    for template in spec.get("volumeClaimTemplates", ()):
        meter.charge_months(resource.name, "disks", "ebs_gp3", _requested(template["spec"]) * spec.get("replicas", 1))


def _rollout(meter: Meter, resource: Resource) -> None:
    """Disks of the pods themselves, one for each that is there at rest."""
    spec = resource.inputs["spec"]
    name = resource.inputs["metadata"]["name"]
    copies = spec.get("replicas") or _autoscaled(meter, name)
    for volume in spec["template"]["spec"].get("volumes", ()):
        if "ephemeral" in volume:
            size = _requested(volume["ephemeral"]["volumeClaimTemplate"]["spec"])
            meter.charge_months(resource.name, "disks", "ebs_gp3", size * copies)


def _autoscaled(meter: Meter, name: str) -> int:
    """The fewest copies of the Rollout with this name."""
    for one in meter.recording.of_type("kubernetes:autoscaling/v2:HorizontalPodAutoscaler"):
        if one.inputs["spec"]["scaleTargetRef"]["name"] == name:
            return int(one.inputs["spec"]["minReplicas"])
    return 1


def _chart(meter: Meter, resource: Resource) -> None:
    """Disks and load balancers that a chart's values ask for; what its defaults ask for is not seen."""
    _values(meter, resource.name, resource.inputs.get("values", {}))


def _values(meter: Meter, name: str, values: Any) -> None:
    if isinstance(values, Sequence) and not isinstance(values, str):
        for one in values:
            _values(meter, name, one)
    if not isinstance(values, Mapping):
        return
    for key in ("storageSpec", "storage"):
        template = values[key].get("volumeClaimTemplate") if isinstance(values.get(key), Mapping) else None
        if template:
            size = _requested(template["spec"]) * values.get("replicas", 1)
            meter.charge_months(name, "disks", "ebs_gp3", size)
    persistence = values.get("persistence")
    if isinstance(persistence, Mapping) and persistence.get("enabled"):
        if "size" in persistence:
            meter.charge_months(name, "disk", "ebs_gp3", _gib(persistence["size"]))
        else:
            meter.unknown.add(f"disk of {name}: its size is the chart's default")
    if values.get("type") == "LoadBalancer":
        meter.unknown.add(f"load balancer of a service of {name}: the table has no price for it")
    for one in values.values():
        _values(meter, name, one)


def _service(meter: Meter, resource: Resource) -> None:
    if resource.inputs["spec"].get("type") == "LoadBalancer":
        meter.unknown.add(f"load balancer of service {resource.name}: the table has no price for it")


def _ingress(meter: Meter, resource: Resource) -> None:
    """One load balancer for all ingresses of a group: counted with the group's first by name."""
    kind = resource.inputs["spec"].get("ingressClassName")
    if kind != "alb":
        meter.unknown.add(f"ingress {resource.name}: what serves class {kind} is not known")
        return
    annotations = resource.inputs["metadata"].get("annotations", {})
    name = f"load balancer {annotations.get(_GROUP, resource.name)}"
    if any(line.resource == name for line in meter.lines):
        return
    meter.charge_months(name, "load balancer", "load_balancer")
    meter.charge(name, "capacity", "load_balancer_capacity", 0, meter.table.load.lcu * HOURS)
    if annotations.get(_SCHEME) == "internet-facing":
        subnets = meter.recording.of_type("aws:ec2/subnet:Subnet")
        zones = sum(_PUBLIC_SUBNET in one.inputs.get("tags", {}) for one in subnets)
        meter.charge_months(name, "public address in each zone", "public_ipv4", zones)
        meter.charge(name, "data to the internet", "internet_data", 0, meter.table.load.internet_gb)


def _pool(meter: Meter, resource: Resource) -> None:
    """Karpenter's machines, of the first type that is named, with their disks: none at rest."""
    load, spec = meter.table.load, resource.inputs["spec"]
    wanted = {one["key"]: one.get("values", ()) for one in spec["template"]["spec"]["requirements"]}
    hours = load.gpu_hours if _GPU in spec.get("limits", {}) else load.cpu_worker_hours
    kinds = wanted.get("node.kubernetes.io/instance-type") or [load.cpu_worker_type]
    meter.machines(resource.name, kinds, spot="spot" in wanted.get("karpenter.sh/capacity-type", ()), more=hours)
    size = _node_disks(meter, spec["template"]["spec"]["nodeClassRef"]["name"])
    meter.charge(resource.name, "disks", "ebs_gp3", 0, size * hours / HOURS)


def _node_disks(meter: Meter, node_class: str) -> float:
    """GiB of all disks of one machine."""
    for one in meter.recording.of_type("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"):
        if one.inputs["metadata"]["name"] == node_class:
            return sum(_gib(disk["ebs"]["volumeSize"]) for disk in one.inputs["spec"]["blockDeviceMappings"])
    meter.unknown.add(f"disks of Karpenter's machines: the node class {node_class} is not in the stack")
    return 0


def _requested(claim: Mapping[str, Any]) -> float:
    return _gib(claim["resources"]["requests"]["storage"])


def _gib(quantity: str) -> float:
    """GiB of a Kubernetes quantity such as ``20Gi``."""
    return float(quantity[:-2]) * _UNITS[quantity[-2:]]


PRICED: Mapping[str, Callable[[Meter, Resource], None]] = {
    "kubernetes:apps/v1:StatefulSet": _stateful_set,
    "kubernetes:argoproj.io/v1alpha1:Rollout": _rollout,
    "kubernetes:core/v1:PersistentVolumeClaim": _claim,
    "kubernetes:core/v1:Service": _service,
    "kubernetes:helm.sh/v4:Chart": _chart,
    "kubernetes:karpenter.sh/v1:NodePool": _pool,
    "kubernetes:networking.k8s.io/v1:Ingress": _ingress,
}
