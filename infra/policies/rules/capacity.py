"""What a stack may cost: where it runs, on which machines, how many of them, and who is warned."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.policies.allowed import DATABASE_MACHINES, LARGEST, MACHINES, REGIONS, has_gpu, no_larger, within
from infra.policies.resource import Finding, Resource, Stack, Unknown, lookup, many, may_be, may_hold
from infra.policies.rule import Severity, rule, stack_rule

_NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
_TYPE = "node.kubernetes.io/instance-type"
_FAMILY = "karpenter.k8s.aws/instance-family"
_SIZE = "karpenter.k8s.aws/instance-size"
_CATEGORY = "karpenter.k8s.aws/instance-category"
_GPU_CATEGORIES = frozenset("g p".split())
_GPU = "nvidia.com/gpu"
_BUDGET = "aws:budgets/budget:Budget"
# What costs by the hour: a stack with one of these has a budget.
_COSTLY = (
    "aws:eks/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/instance:Instance",
)


@rule(source="data stay where the team said", severity=Severity.HIGH, types=("aws:*", "pulumi:providers:aws"))
def region_allowed(resource: Resource) -> Iterator[Finding]:
    """Everything is in a region that is on the list."""
    region = resource.get("region")
    if isinstance(region, str) and region not in REGIONS:
        yield Finding("region", region, " or ".join(sorted(REGIONS)))


@rule(
    source="one wrong digit costs a hundred times the price",
    severity=Severity.HIGH,
    types=(
        "aws:eks/nodeGroup:NodeGroup",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/instance:Instance",
        "aws:rds/instance:Instance",
        _NODE_POOL,
    ),
)
def machine_type_allowed(resource: Resource) -> Iterator[Finding]:
    """Machines are of families and sizes that are on the list."""
    if resource.type == _NODE_POOL:
        yield from _pool_types(resource)
        return
    database = resource.type.startswith("aws:rds")
    path = "instanceClass" if database else "instanceTypes" if resource.kind == "NodeGroup" else "instanceType"
    table = DATABASE_MACHINES if database else MACHINES
    for one in many(resource.get(path)):
        if isinstance(one, str) and not within(one, table):
            yield Finding(path, one, _listed(table))


def _pool_types(resource: Resource) -> Iterator[Finding]:
    admits: Mapping[str, Callable[[str], bool]] = {
        _TYPE: lambda one: within(one, MACHINES),
        _FAMILY: lambda one: one in MACHINES,
        _SIZE: lambda one: no_larger(one, LARGEST),
    }
    keys = {key for _, key, _ in _requirements(resource)}
    for path, key, values in _requirements(resource):
        for one in values:
            if isinstance(one, str) and key in admits and not admits[key](one):
                yield Finding(path, one, _listed(MACHINES))
    if any(isinstance(one, Unknown) for one in keys):
        return
    if _TYPE not in keys and not (_SIZE in keys and keys & {_FAMILY, _CATEGORY}):
        wanted = f"In with {_TYPE}, or {_SIZE} with {_FAMILY} or {_CATEGORY}"
        yield Finding("spec.template.spec.requirements", sorted(map(str, keys)), wanted)


def _listed(table: Mapping[str, str]) -> str:
    return f"families {' '.join(sorted(table))}, up to the sizes in infra/policies/allowed.py"


def _requirements(resource: Resource) -> Iterator[tuple[str, Any, list[Any]]]:
    """Path, key and values of each requirement that admits (operator ``In``), or can later."""
    path = "spec.template.spec.requirements"
    for number, one in enumerate(many(resource.get(path))):
        if may_be(lookup(one, "operator"), "In"):
            yield f"{path}.{number}.values", lookup(one, "key"), many(lookup(one, "values"))


def _is_gpu_pool(resource: Resource) -> bool:
    for _, key, values in _requirements(resource):
        texts = [one for one in values if isinstance(one, str)]
        if key in (_TYPE, _FAMILY) and any(has_gpu(one) for one in texts):
            return True
        if key == _CATEGORY and _GPU_CATEGORIES & set(texts):
            return True
    return resource.get("spec.limits") is not None and resource.entry("spec.limits", _GPU) is not None


@rule(source="the limit is the stack's budget of GPUs", severity=Severity.CRITICAL, types=(_NODE_POOL,))
def gpu_pool_limited(resource: Resource) -> Iterator[Finding]:
    """A pool of GPU nodes has a limit of GPUs, and a taint that keeps everything else off them."""
    if not _is_gpu_pool(resource):
        return
    if resource.entry("spec.limits", _GPU) is None:
        yield Finding(f"spec.limits.{_GPU}", None, "a number of GPUs")
    taints = resource.get("spec.template.spec.taints")
    kept_off = (
        may_be(lookup(one, "key"), _GPU) and may_be(lookup(one, "effect"), "NoSchedule") for one in many(taints)
    )
    if not any(kept_off):
        yield Finding("spec.template.spec.taints", taints, f"{_GPU} with effect NoSchedule")


@rule(source="a node that nobody ends runs for ever", severity=Severity.HIGH, types=(_NODE_POOL,))
def node_pool_ends(resource: Resource) -> Iterator[Finding]:
    """A pool of nodes has a limit of CPU or GPUs, ends nodes that are empty, and ends each after a time."""
    if not resource.get("spec.limits"):
        yield Finding("spec.limits", resource.get("spec.limits"), "cpu, memory or nvidia.com/gpu")
    expire = resource.get("spec.template.spec.expireAfter")
    if expire in (None, "", "Never"):
        yield Finding("spec.template.spec.expireAfter", expire, "a time, such as 24h")
    policy = resource.get("spec.disruption.consolidationPolicy")
    if not isinstance(policy, Unknown) and policy not in ("WhenEmpty", "WhenEmptyOrUnderutilized"):
        yield Finding("spec.disruption.consolidationPolicy", policy, "WhenEmpty or WhenEmptyOrUnderutilized")
    after = resource.get("spec.disruption.consolidateAfter")
    if after in (None, "", "Never"):
        yield Finding("spec.disruption.consolidateAfter", after, "a time, such as 5m")


@rule(
    source="a GPU at rest costs from 380 USD a month",
    severity=Severity.CRITICAL,
    types=("aws:eks/nodeGroup:NodeGroup",),
)
def gpu_node_group_scales_to_zero(resource: Resource) -> Iterator[Finding]:
    """A managed node group with GPUs has no nodes at rest."""
    machines = [one for one in many(resource.get("instanceTypes")) if isinstance(one, str)]
    if any(has_gpu(one) for one in machines) or "NVIDIA" in str(resource.get("amiType")):
        for path in ("scalingConfig.minSize", "scalingConfig.desiredSize"):
            yield from resource.must_be(path, 0)


@stack_rule(source="a bill must not come as a surprise", severity=Severity.HIGH)
def budget_present(stack: Stack) -> Iterator[tuple[Resource | None, Finding]]:
    """A stack that costs by the hour has a monthly budget."""
    budgets = stack.of_type(_BUDGET)
    if not budgets and stack.of_type(*_COSTLY):
        yield None, Finding("budget", None, f"an {_BUDGET} with timeUnit MONTHLY")
    for budget in budgets:
        for finding in budget.must_be("timeUnit", "MONTHLY"):
            yield budget, finding


@rule(
    source="a budget that nobody reads",
    severity=Severity.LOW,
    types=(_BUDGET,),
    # The stack files of this repository have no address to warn; that of a team has one.
    mandatory=False,
)
def budget_warns(resource: Resource) -> Iterator[Finding]:
    """A budget warns somebody of what is spent, and of what is forecast."""
    kinds = [lookup(one, "notificationType") for one in many(resource.get("notifications"))]
    if not all(may_hold(kinds, kind) for kind in ("ACTUAL", "FORECASTED")):
        yield Finding("notifications", kinds or None, "ACTUAL and FORECASTED, by the setting budget.email")


@rule(
    source="logs that never end are paid for ever",
    severity=Severity.MEDIUM,
    types=("aws:cloudwatch/logGroup:LogGroup",),
)
def log_retention_set(resource: Resource) -> Iterator[Finding]:
    """Logs are kept for a time, and then deleted."""
    days = resource.get("retentionInDays")
    if not isinstance(days, Unknown) and not days:
        yield Finding("retentionInDays", days, "1 to 3653")
