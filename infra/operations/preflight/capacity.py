"""Zones, machine types and database classes: whether AWS offers there what the stack asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.operations.account import Account, Unknown, known
from infra.operations.findings import Finding, fails, ok, unknown, warning
from infra.operations.preflight.needs import DatabaseNeed, Needs
from infra.operations.stack import Stack

# Zones, by their IDs, in which EKS takes no subnets (EKS user guide, "Amazon EKS networking requirements").
_NOT_FOR_EKS = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})


@dataclass(frozen=True, kw_only=True)
class Zone:
    """An availability zone of this account: its letter says another place in each account, its ID does not."""

    id: str
    available: bool


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Machines that the stack starts by type.

    Attributes:
        zones: Where they may start.
    """

    name: str
    types: tuple[str, ...]
    zones: tuple[str, ...]


def zone_names(stack: Stack) -> tuple[str, ...]:
    """Full names of the stack's zones."""
    return tuple(f"{stack.region}{letter}" for letter in stack.settings.network.zones)


def pools(stack: Stack, needs: Needs) -> list[Pool]:
    """Each group of machines of the stack; none while it is paused."""
    names, chosen = zone_names(stack), stack.settings
    if needs.kubernetes is None:
        return []
    made = [
        Pool(name="system nodes", types=chosen.system.instance_types, zones=names[: chosen.system.zones]),
        Pool(name="GPU nodes", types=chosen.gpu.instance_types, zones=names),
    ]
    return made + [Pool(name="NAT instance", types=(one,), zones=names[:1]) for one in needs.machines]


def zones(account: Account) -> dict[str, Zone] | Unknown:
    """The region's zones by name."""

    def ask() -> dict[str, Zone]:
        found = account.every("ec2", "describe_availability_zones", "AvailabilityZones")
        return {one["ZoneName"]: Zone(id=one["ZoneId"], available=one["State"] == "available") for one in found}

    return known(ask)


def offers(account: Account, types: Sequence[str]) -> dict[str, frozenset[str]] | Unknown:
    """In which zones AWS has each machine type."""

    def ask() -> dict[str, frozenset[str]]:
        found = account.every(
            "ec2",
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": list(types)}],
        )
        return {
            wanted: frozenset(one["Location"] for one in found if one["InstanceType"] == wanted) for wanted in types
        }

    return known(ask)


def orderable(account: Account, database: DatabaseNeed) -> bool | Unknown:
    """Whether RDS sells the class with this engine in the region, in a VPC, and with a standby if there is one."""

    def ask() -> bool:
        found = account.every(
            "rds",
            "describe_orderable_db_instance_options",
            "OrderableDBInstanceOptions",
            Engine=database.engine,
            DBInstanceClass=database.instance_class,
            Vpc=True,
        )
        return any(
            one["EngineVersion"].split(".")[0] == database.version.split(".")[0]
            and (one["MultiAZCapable"] or not database.multi_az)
            for one in found
        )

    return known(ask)


def check_zones(stack: Stack, found: Mapping[str, Zone] | Unknown) -> Finding:
    """The stack's zones are there, open, and take an EKS control plane."""
    needed = ", ".join(zone_names(stack))
    if isinstance(found, Unknown):
        return unknown("zones", found, needed)
    missing = [one for one in zone_names(stack) if one not in found or not found[one].available]
    refused = [one for one in zone_names(stack) if one in found and found[one].id in _NOT_FOR_EKS]
    usable = [name for name, one in sorted(found.items()) if one.available and one.id not in _NOT_FOR_EKS]
    advice = f"choose three of these in `network.zones`: {', '.join(usable)}"
    if missing:
        return fails("zones", f"not there: {', '.join(missing)}", needed, advice)
    if refused:
        return fails("zones", f"EKS takes no subnets in {', '.join(refused)}", needed, advice)
    return ok("zones", needed, needed)


def check_pool(pool: Pool, found: Mapping[str, frozenset[str]] | Unknown) -> Finding:
    """The pool finds a machine in each of its zones."""
    check, needed = f"machines: {pool.name}", f"{' or '.join(pool.types)} in {', '.join(pool.zones)}"
    if isinstance(found, Unknown):
        return unknown(check, found, needed)
    without = [zone for zone in pool.zones if not any(zone in found.get(one, ()) for one in pool.types)]
    nowhere = [one for one in pool.types if not any(zone in found.get(one, ()) for zone in pool.zones)]
    if len(without) == len(pool.zones):
        advice = "choose other types in the stack's settings, or other zones"
        return fails(check, "none of them in any of the zones", needed, advice)
    if without:
        return warning(check, f"none in {', '.join(without)}", needed, "add a type that these zones have")
    if nowhere:
        return warning(check, f"{', '.join(nowhere)}: in none of the zones", needed, "take the type out of the setting")
    return ok(check, "all offered", needed)


def check_database(database: DatabaseNeed, found: bool | Unknown) -> Finding:
    """RDS sells the database's class."""
    check = f"database class: {database.identifier}"
    needed = f"{database.instance_class} for {database.engine} {database.version}" + (
        ", with a standby" if database.multi_az else ""
    )
    if isinstance(found, Unknown):
        return unknown(check, found, needed)
    if not found:
        return fails(
            check, "not sold in this region", needed, "choose another class in the stack's `database` settings"
        )
    return ok(check, "offered", needed)
