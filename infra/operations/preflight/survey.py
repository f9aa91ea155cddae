"""All questions of a preflight in their order: settings first, then the account, then what the stack will ask of it."""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import TypeVar

from infra import settings
from infra.operations import pulumi_cli
from infra.operations.account import Account, Unknown
from infra.operations.findings import Finding, fails, unknown
from infra.operations.preflight import addresses, capacity, identity, leftovers, pages, quotas, support, tools
from infra.operations.preflight.needs import Needs, needs_of
from infra.operations.stack import Stack
from infra.render import engine
from infra.settings import STACKS
from infra.versions import versions

T = TypeVar("T")
U = TypeVar("U")

# Questions asked at once; more only wait for AWS's own limits on requests.
_WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What the process found around itself, read once.

    Attributes:
        backend: Where Pulumi's state lies, empty where nothing says so.
        environment: All environment variables.
    """

    backend: str
    environment: Mapping[str, str] = field(repr=False)
    today: datetime.date


def survey(stack: Stack, edge: Edge, tell: Callable[[str], None]) -> list[Finding]:
    """Every finding about the stack.

    Args:
        tell: Called with each subject before it is looked at.
    """
    tell("programs")
    try:
        cli: pulumi_cli.PulumiCli | Unknown = pulumi_cli.at_edge(stack.name, edge.environment)
    except pulumi_cli.PulumiError as error:
        cli = Unknown(reason=str(error))
    findings = [
        *tools.check_programs(tools.programs(pulumi_cli.with_tools(edge.environment))),
        identity.check_backend(stack, edge.backend),
        addresses.check_api(stack),
        pages.check_budget(stack),
        addresses.check_stacks(stack, _blocks(stack)),
    ]
    tell("credentials")
    account = Account(stack.region)
    who = identity.caller(account)
    findings += identity.check_caller(stack, who)
    needs = needs_of(engine.record(stack.name), who.account_id if isinstance(who, identity.Caller) else "<account>")
    findings += support.check_support(needs, versions(), edge.today)
    if isinstance(who, Unknown):
        return [*findings, fails("the account", "not asked: no credentials that work", "answers of AWS", "sign in")]
    look = _Look(stack=stack, needs=needs, account=account, who=who, edge=edge)
    for subject, ask in (
        ("region and bootstrap", look.ground),
        ("quotas", look.quotas),
        ("zones and types", look.capacity),
        ("networks and certificate", look.network),
    ):
        tell(subject)
        findings += ask()
    tell("names")
    known = tools.state(cli)
    return [*findings, tools.check_state(stack, known), *look.names(known)]


def _blocks(stack: Stack) -> dict[str, IPv4Network]:
    """Address block of each stack; one whose settings are wrong says so in its own preflight."""

    def blocks() -> Iterator[tuple[str, IPv4Network]]:
        for name in STACKS:
            try:
                other = settings.load(name, engine.PROJECT, engine.stack_file(name))
            except (settings.SettingsError, FileNotFoundError):
                continue
            if isinstance(other, settings.CloudSettings):
                yield name, other.network.cidr

    return {**dict(blocks()), stack.name: stack.settings.network.cidr}


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The account, with all that a question may need."""

    stack: Stack
    needs: Needs
    account: Account
    who: identity.Caller
    edge: Edge

    def ground(self) -> list[Finding]:
        region, made = self._both(
            lambda: identity.region_state(self.account, self.stack.region),
            lambda: identity.bootstrap(self.account, self.stack, self.who, self.edge.backend),
        )
        return [identity.check_region(self.stack.region, region), *identity.check_bootstrap(self.stack, made)]

    def quotas(self) -> list[Finding]:
        stack, needs, account = self.stack, self.needs, self.account
        machines = quotas.machines(account, quotas.instance_types(stack.settings, needs))
        if isinstance(machines, Unknown):
            return [unknown("quota: vCPU", machines, "types of machines")]
        used = quotas.used_vcpus(account, stack)
        asked = quotas.demands(stack.settings, needs, machines)
        limits = self._each(lambda one: quotas.limit(account, quotas.VCPUS[one.family, one.market]), asked)
        found = [
            quotas.check_vcpus(
                stack,
                one,
                quotas.Usage(
                    limit=limit, used=used if isinstance(used, Unknown) else used.get((one.family, one.market), 0)
                ),
            )
            for one, limit in zip(asked, limits, strict=True)
        ]
        wanted = [
            (quotas.VPCS, needs.vpcs),
            (quotas.ADDRESSES, needs.addresses),
            (quotas.CLUSTERS, 1 if needs.kubernetes else 0),
            (quotas.DATABASES, len(needs.databases)),
        ]
        counted = [(quota, count) for quota, count in wanted if count]

        def usage(row: tuple[quotas.Quota, int]) -> quotas.Usage:
            return quotas.Usage(limit=quotas.limit(account, row[0]), used=quotas.count_others(account, stack, row[0]))

        usages = self._each(usage, counted)
        return found + [
            quotas.check_count(stack, quota, count, one) for (quota, count), one in zip(counted, usages, strict=True)
        ]

    def capacity(self) -> list[Finding]:
        stack, account = self.stack, self.account
        pools = capacity.pools(stack, self.needs)
        types = sorted({one for pool in pools for one in pool.types})
        zones, offers = self._both(lambda: capacity.zones(account), lambda: capacity.offers(account, types))
        databases = self._each(lambda one: capacity.orderable(account, one), self.needs.databases)
        return [
            capacity.check_zones(stack, zones),
            *(capacity.check_pool(pool, offers) for pool in pools),
            *(capacity.check_database(*pair) for pair in zip(self.needs.databases, databases, strict=True)),
        ]

    def network(self) -> list[Finding]:
        stack, sign_in = self.stack, self.stack.settings.sign_in
        vpcs = addresses.vpcs(self.account, stack)
        found = pages.certificate(self.account, sign_in.certificate_arn) if sign_in else None
        return [addresses.check_vpcs(stack.settings.network.cidr, vpcs), *pages.check_certificate(stack, found)]

    def names(self, state: leftovers.State) -> list[Finding]:
        stack, needs = self.stack, self.needs
        look = leftovers.Look(account=self.account, account_id=self.who.account_id)
        parts = self._each(lambda part: leftovers.existing(look, part), needs.parts)
        snapshots = self._each(lambda one: leftovers.snapshot_exists(self.account, one.final_snapshot), needs.databases)
        return [
            *(leftovers.check_part(stack, part, one, state) for part, one in zip(needs.parts, parts, strict=True)),
            *(
                leftovers.check_final_snapshot(stack, database, one)
                for database, one in zip(needs.databases, snapshots, strict=True)
            ),
        ]

    @staticmethod
    def _each(ask: Callable[[T], U], of: Sequence[T]) -> list[U]:
        with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            return list(pool.map(ask, of))

    @staticmethod
    def _both(first: Callable[[], T], second: Callable[[], U]) -> tuple[T, U]:
        with ThreadPoolExecutor(max_workers=2) as pool:
            one, other = pool.submit(first), pool.submit(second)
            return one.result(), other.result()
