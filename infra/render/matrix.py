"""Who may do what in AWS, as a table for reviewers: roles, resource policies, ways into the cluster, wildcards."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.apps.access import ACCESS
from infra.aws.policy import WILDCARD_REASONS
from infra.render.notation import code, decoded, table
from infra.render.recording import Recording, Resource

_ROLE = "aws:iam/role:Role"
_POLICY = "aws:iam/policy:Policy"
_NO_REASON = "**no reason written**"


@dataclass(frozen=True, kw_only=True)
class Right:
    """One statement of one policy.

    Attributes:
        where: Role, or the resource whose policy it stands in.
        who: Service accounts, services or principals that it speaks of.
        source: Statement ID, or the ARN of a policy that AWS writes.
        reason: What it is for, from the access table, the role's description or the resource's.
    """

    where: str
    who: tuple[str, ...]
    source: str
    effect: str = "Allow"
    actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    conditions: tuple[str, ...] = field(default=())
    reason: str = ""

    @property
    def wildcards(self) -> tuple[str, ...]:
        """Principals, actions and resources with a ``*`` that it allows."""
        everyone = tuple(f"{one} (principal)" for one in self.who if one == "*")
        found = everyone + tuple(one for one in (*self.actions, *self.resources) if "*" in one)
        return found if self.effect == "Allow" else ()


def document(recording: Recording) -> str:
    """The matrix as a Markdown page."""
    rights, others = role_rights(recording), resource_rights(recording)
    columns = ["role", "who takes it on", "statement", "actions", "resources", "conditions", "reason"]
    return (
        f"# Who may do what in AWS: stack {recording.stack}\n\n"
        "One row for each statement of a role's policies; an ARN in its place is a policy that AWS writes.\n"
        "A role's permissions boundary stands in its JSON file.\n\n"
        f"{table(columns, [_row(one) for one in rights])}\n"
        "## Policies of resources\n\n"
        f"{table(['resource', 'principal', *columns[2:]], [_row(one) for one in others])}\n"
        "## Ways into the cluster\n\n"
        f"{table(['principal', 'type', 'Kubernetes groups', 'policies of EKS'], _entries(recording))}\n"
        "## Wildcards\n\n"
        "Each principal, action or resource with a `*` that is allowed. The reasons stand in `infra/aws/policy.py`;"
        " a pattern\ninside an ARN has its role's, or its statement's.\n\n"
        f"{table(['where', 'statement', 'wildcard', 'reason'], _wildcard_rows((*rights, *others)))}"
    )


def role_rights(recording: Recording) -> tuple[Right, ...]:
    """The rights of every IAM role, by role and in the order of its policies."""
    rights: list[Right] = []
    for role in sorted(recording.of_type(_ROLE), key=_role_name):
        who, reason = _takers(role, recording), _reason(role, recording)
        found = [
            _right(statement, where=_role_name(role), who=who, reason=reason)
            for policy in _own_policies(role, recording)
            for statement in _statements(policy)
        ]
        managed = [
            Right(where=_role_name(role), who=who, source=arn, reason=reason) for arn in _managed(role, recording)
        ]
        rights += found + managed or [Right(where=_role_name(role), who=who, source="none", reason=reason)]
    return tuple(rights)


def resource_rights(recording: Recording) -> tuple[Right, ...]:
    """Statements of policies on resources: buckets, keys, queues, repositories."""
    return tuple(
        _right(statement, where=f"{one.kind} {one.name}", who=_principals(statement), reason=_words(statement))
        for one in recording.of_package("aws")
        if not one.type.startswith("aws:iam/")
        for text in one.inputs.values()
        for statement in _statements(text)
    )


def _right(statement: Mapping[str, Any], *, where: str, who: tuple[str, ...], reason: str) -> Right:
    sid = str(statement.get("Sid", ""))
    return Right(
        where=where,
        who=who,
        source=sid,
        effect=str(statement.get("Effect", "Allow")),
        actions=_listed(statement.get("Action") or statement.get("NotAction")),
        resources=_listed(statement.get("Resource") or statement.get("NotResource")),
        conditions=_conditions(statement),
        reason="; ".join(part for part in (reason, WILDCARD_REASONS.get(sid, "")) if part),
    )


def _row(right: Right) -> list[str]:
    denied = "" if right.effect == "Allow" else f"<br>**{right.effect}**"
    cells = (right.actions, right.resources, right.conditions)
    return [
        code(right.where),
        code(*right.who),
        code(right.source) + denied,
        *(code(*one) for one in cells),
        right.reason,
    ]


def _wildcard_rows(rights: Iterable[Right]) -> Iterator[list[str]]:
    for right in rights:
        for wildcard in right.wildcards:
            pattern = wildcard.startswith(("arn:", "<"))
            reason = WILDCARD_REASONS.get(right.source) or (right.reason if pattern else _NO_REASON)
            yield [code(right.where), code(right.source), code(wildcard), reason]


def _entries(recording: Recording) -> list[list[str]]:
    """Access entries of the cluster, with the policies of EKS that go with them."""
    policies: dict[str, list[str]] = {}
    for one in recording.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation"):
        scope = one.inputs.get("accessScope") or {}
        where = ", ".join(scope.get("namespaces") or ()) or str(scope.get("type", ""))
        policy = f"{str(one.inputs['policyArn']).rpartition('/')[2]} ({where})"
        policies.setdefault(str(one.inputs["principalArn"]), []).append(policy)
    return sorted(
        [
            code(principal := str(one.inputs["principalArn"])),
            str(one.inputs.get("type", "STANDARD")),
            code(*one.inputs.get("kubernetesGroups") or ()),
            code(*sorted(policies.get(principal, []))),
        ]
        for one in recording.of_type("aws:eks/accessEntry:AccessEntry")
    )


def _takers(role: Resource, recording: Recording) -> tuple[str, ...]:
    """Service accounts that a role is handed to; without any, the principals of its trust policy."""
    accounts = [f"{namespace}/{account}" for namespace, account in _accounts(role, recording)]
    trusted = [who for one in _statements(role.inputs.get("assumeRolePolicy")) for who in _principals(one)]
    return tuple(sorted(accounts or set(trusted)))


def _accounts(role: Resource, recording: Recording) -> list[tuple[str, str]]:
    """Namespaces and service accounts by Pod Identity: associations, and those inside EKS add-ons."""
    arn = f"<{role.name}.arn>"
    found = [
        (str(one.inputs["namespace"]), str(one.inputs["serviceAccount"]))
        for one in recording.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
        if one.inputs["roleArn"] == arn
    ]
    for addon in recording.of_type("aws:eks/addon:Addon"):
        for one in addon.inputs.get("podIdentityAssociations") or ():
            if one["roleArn"] == arn:
                found.append((f"add-on {addon.inputs['addonName']}", str(one["serviceAccount"])))
    return sorted(found)


def _reason(role: Resource, recording: Recording) -> str:
    accounts = _accounts(role, recording)
    reasons = [one.why for one in ACCESS if (one.namespace, one.service_account) in accounts]
    return "; ".join(reasons) or str(role.inputs.get("description", ""))


def _own_policies(role: Resource, recording: Recording) -> list[Any]:
    """Texts of a role's inline policies, and of the stack's own policies attached to it."""
    inline = [one.inputs["policy"] for one in recording.of_type("aws:iam/rolePolicy:RolePolicy") if _is_of(one, role)]
    own = {f"<{one.name}.arn>": one.inputs["policy"] for one in recording.of_type(_POLICY)}
    return inline + [own[arn] for arn in _attached(role, recording) if arn in own]


def _managed(role: Resource, recording: Recording) -> list[str]:
    own = {f"<{one.name}.arn>" for one in recording.of_type(_POLICY)}
    return [arn for arn in _attached(role, recording) if arn not in own]


def _attached(role: Resource, recording: Recording) -> list[str]:
    attachments = recording.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    return sorted(str(one.inputs["policyArn"]) for one in attachments if _is_of(one, role))


def _is_of(policy: Resource, role: Resource) -> bool:
    return policy.inputs["role"] in (_role_name(role), f"<{role.name}.name>", f"<{role.name}.id>")


def _role_name(role: Resource) -> str:
    return str(role.inputs.get("name", role.name))


def _statements(policy: Any) -> list[Mapping[str, Any]]:
    """Statements of a policy's text; nothing for any other value."""
    found = decoded(policy)
    statements = found.get("Statement", []) if isinstance(found, Mapping) else []
    return statements if isinstance(statements, list) else [statements]


def _principals(statement: Mapping[str, Any]) -> tuple[str, ...]:
    principal = statement.get("Principal", {})
    if not isinstance(principal, Mapping):
        return _listed(principal)
    return tuple(one for kind in sorted(principal) for one in _listed(principal[kind]))


def _conditions(statement: Mapping[str, Any]) -> tuple[str, ...]:
    tests = statement.get("Condition") or {}
    return tuple(
        f"{test} {key}: {', '.join(_listed(value))}"
        for test, keys in sorted(tests.items())
        for key, value in sorted(keys.items())
    )


def _words(statement: Mapping[str, Any]) -> str:
    """A statement's ID as words: ``FlowLogsArrive`` is ``flow logs arrive``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", str(statement.get("Sid", ""))).lower()


def _listed(value: Any) -> tuple[str, ...]:
    """One or several, as AWS allows both."""
    if value is None:
        return ()
    return tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)
