"""Service quotas: what the account may still start, against what the stack may ask for.

GPU quotas are zero in a new account, and spot's are apart from on-demand's.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.operations.account import Account, Unknown, known, tags_of
from infra.operations.findings import Finding, fails, ok, unknown, warning
from infra.operations.preflight.needs import Needs
from infra.operations.stack import Stack
from infra.settings.cloud import CloudSettings

Market = Literal["on-demand", "spot"]
Family = Literal["standard", "G and VT", "P"]


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota by AWS's codes, which are the same in all accounts and regions."""

    service: str
    code: str
    name: str


VCPUS: Mapping[tuple[Family, Market], Quota] = {
    ("standard", "on-demand"): Quota(service="ec2", code="L-1216C47A", name="vCPU on demand, standard"),
    ("standard", "spot"): Quota(service="ec2", code="L-34B43A08", name="vCPU spot, standard"),
    ("G and VT", "on-demand"): Quota(service="ec2", code="L-DB2E81BA", name="vCPU on demand, G and VT"),
    ("G and VT", "spot"): Quota(service="ec2", code="L-3819A6DF", name="vCPU spot, G and VT"),
    ("P", "on-demand"): Quota(service="ec2", code="L-417A185B", name="vCPU on demand, P"),
    ("P", "spot"): Quota(service="ec2", code="L-7212CCBC", name="vCPU spot, P"),
}
VPCS = Quota(service="vpc", code="L-F678F1CE", name="VPCs")
ADDRESSES = Quota(service="ec2", code="L-0263D0A3", name="elastic addresses")
CLUSTERS = Quota(service="eks", code="L-1194D53C", name="EKS clusters")
DATABASES = Quota(service="rds", code="L-7B6409FD", name="RDS instances")

# Instance families by what stands before their generation's number.
_FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), "standard"),
    **dict.fromkeys(("g", "gr", "vt"), "G and VT"),
    "p": "P",
}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An instance type."""

    vcpus: int
    gpus: int


@dataclass(frozen=True, kw_only=True)
class Demand:
    """vCPU that a stack asks of one quota.

    Attributes:
        least: Below this something cannot start at all.
        most: What the stack's limits allow it to reach.
    """

    family: Family
    market: Market
    least: int
    most: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A quota, and what others than this stack use of it."""

    limit: float | Unknown
    used: int | Unknown


def family_of(instance_type: str) -> Family | None:
    """Which quota an instance type counts against; ``None`` for one that is not known here."""
    start = re.match("[a-z]+", instance_type)
    return _FAMILIES.get(start.group()) if start else None


def instance_types(settings: CloudSettings, needs: Needs) -> list[str]:
    """Every type that the stack may start by name, in order."""
    return sorted({*settings.system.instance_types, *settings.gpu.instance_types, *needs.machines})


def demands(settings: CloudSettings, needs: Needs, machines: Mapping[str, Machine]) -> list[Demand]:
    """What the stack asks of each vCPU quota, by the largest of the types that each pool may take.

    Types that AWS does not know are left out; another check names them.
    """
    asked: dict[tuple[Family, Market], tuple[int, int, list[str]]] = {}

    def add(family: Family | None, market: Market, least: int, most: int, reason: str) -> None:
        if family is not None:
            low, high, reasons = asked.get((family, market), (0, 0, []))
            asked[family, market] = (low + least, high + most, [*reasons, reason])

    if needs.kubernetes is not None:
        system, gpu = settings.system, settings.gpu
        nodes = [machines[one] for one in system.instance_types if one in machines]
        largest = max((one.vcpus for one in nodes), default=0)
        market: Market = "spot" if system.spot else "on-demand"
        add("standard", market, system.minimum * largest, system.maximum * largest, f"up to {system.maximum} nodes")
        workers = settings.workers
        add(
            "standard", "spot" if workers.spot else "on-demand", 0, workers.cpu_limit, f"{workers.cpu_limit} of workers"
        )
        for family, types in _by_family(gpu.instance_types, machines).items():
            least = min(one.vcpus for one in types)
            most = max(gpu.limit * one.vcpus // max(one.gpus, 1) for one in types)
            add(family, "spot" if gpu.spot else "on-demand", least, most, f"up to {gpu.limit} GPUs")
    for one in needs.machines:
        vcpus = machines[one].vcpus if one in machines else 0
        add(family_of(one), "on-demand", vcpus, vcpus, f"one {one}")
    return [
        Demand(family=family, market=market, least=least, most=max(least, most), reason=", ".join(reasons))
        for (family, market), (least, most, reasons) in sorted(asked.items())
    ]


def _by_family(types: Sequence[str], machines: Mapping[str, Machine]) -> dict[Family, list[Machine]]:
    grouped: dict[Family, list[Machine]] = {}
    for one in types:
        family = family_of(one)
        if family is not None and one in machines:
            grouped.setdefault(family, []).append(machines[one])
    return grouped


def check_vcpus(stack: Stack, demand: Demand, usage: Usage) -> Finding:
    """The quota holds what the stack asks for, beside what others use."""
    quota = VCPUS[demand.family, demand.market]
    check, needed = f"quota: {quota.name}", f"{demand.most} vCPU ({demand.reason}), {demand.least} at least"
    if isinstance(usage.limit, Unknown):
        return unknown(check, usage.limit, needed)
    used = 0 if isinstance(usage.used, Unknown) else usage.used
    free, found = usage.limit - used, f"{usage.limit:g} vCPU, {used} of them used by others"
    advice = request(quota, used + demand.most, stack.region)
    if free < demand.least:
        return fails(check, found, needed, advice)
    if free < demand.most:
        return warning(check, found, needed, f"enough to start, not for all that the stack may grow to; {advice}")
    return ok(check, found, needed)


def check_count(stack: Stack, quota: Quota, needed: int, usage: Usage) -> Finding:
    """The quota has room for so many more."""
    check, text = f"quota: {quota.name}", f"{needed}"
    for value in (usage.limit, usage.used):
        if isinstance(value, Unknown):
            return unknown(check, value, text)
    assert not isinstance(usage.limit, Unknown)
    assert not isinstance(usage.used, Unknown)
    found = f"{usage.limit:g}, {usage.used} of them used by others"
    if usage.limit - usage.used < needed:
        return fails(check, found, text, request(quota, usage.used + needed, stack.region))
    return ok(check, found, text)


def request(quota: Quota, value: int, region: str) -> str:
    """The command that asks AWS for more."""
    return (
        f"aws service-quotas request-service-quota-increase --service-code {quota.service} --quota-code {quota.code} "
        f"--desired-value {value} --region {region} (AWS takes hours to days)"
    )


def limit(account: Account, quota: Quota) -> float | Unknown:
    """The quota's value in this account and region."""
    asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    return known(lambda: account.ask("service-quotas", "get_service_quota", **asked)["Quota"]["Value"])


def machines(account: Account, types: Sequence[str]) -> dict[str, Machine] | Unknown:
    """vCPU and GPUs of each type that AWS offers in the region."""
    return known(lambda: _machines(account, types))


def _machines(account: Account, types: Sequence[str]) -> dict[str, Machine]:
    # A filter instead of names: one unknown name would refuse the whole call.
    wanted = [{"Name": "instance-type", "Values": list(types)}]
    found = account.every("ec2", "describe_instance_types", "InstanceTypes", Filters=wanted) if types else []
    return {
        one["InstanceType"]: Machine(
            vcpus=one["VCpuInfo"]["DefaultVCpus"],
            gpus=sum(gpu["Count"] for gpu in one.get("GpuInfo", {}).get("Gpus", [])),
        )
        for one in found
        if one["InstanceType"] in types
    }


def used_vcpus(account: Account, stack: Stack) -> dict[tuple[Family, Market], int] | Unknown:
    """vCPU of the running machines that are not this stack's."""

    def ask() -> dict[tuple[Family, Market], int]:
        running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        reservations = account.every("ec2", "describe_instances", "Reservations", Filters=running)
        foreign = [one for group in reservations for one in group["Instances"] if not _own(one, stack)]
        sizes = _machines(account, sorted({one["InstanceType"] for one in foreign}))
        counts: Counter[tuple[Family, Market]] = Counter()
        for one in foreign:
            family = family_of(one["InstanceType"])
            if family is not None and one["InstanceType"] in sizes:
                market: Market = "spot" if one.get("InstanceLifecycle") == "spot" else "on-demand"
                counts[family, market] += sizes[one["InstanceType"]].vcpus
        return dict(counts)

    return known(ask)


def count_others(account: Account, stack: Stack, quota: Quota) -> int | Unknown:
    """How many of the counted things are not this stack's."""

    def ask() -> int:
        if quota is CLUSTERS:
            return sum(one != stack.prefix for one in account.every("eks", "list_clusters", "clusters"))
        if quota is DATABASES:
            found = account.every("rds", "describe_db_instances", "DBInstances")
            return sum(not one["DBInstanceIdentifier"].startswith(f"{stack.prefix}-") for one in found)
        operation, key = {"L-F678F1CE": ("vpcs", "Vpcs"), "L-0263D0A3": ("addresses", "Addresses")}[quota.code]
        return sum(not _own(one, stack) for one in account.every("ec2", f"describe_{operation}", key))

    return known(ask)


def _own(resource: dict[str, object], stack: Stack) -> bool:
    tags = tags_of(resource)
    cluster = f"kubernetes.io/cluster/{stack.prefix}"
    return stack.tags.items() <= tags.items() or tags.get(cluster) == "owned"
