"""The cluster itself, and the small things around it: logs, queues, rules, roles and the budget."""

from collections.abc import Iterator

from infra.operations.account import Absent, tags_of
from infra.operations.sweep.belonging import belongs, is_named_for
from infra.operations.sweep.leftover import Leftover, Lister, Look

_GIB = 2**30


def clusters(look: Look) -> Iterator[Leftover]:
    for name in look.every("eks", "list_clusters", "clusters"):
        if name == look.stack.prefix:
            found = look.ask("eks", "describe_cluster", name=name)["cluster"]
            yield look.found(
                "cluster",
                name,
                f"eks delete-cluster --name {name}",
                detail=f"Kubernetes {found['version']}, {found['status']}",
                monthly=look.unit("eks_cluster"),
            )


def log_groups(look: Look) -> Iterator[Leftover]:
    for one in look.every("logs", "describe_log_groups", "logGroups"):
        name = one["logGroupName"]
        if is_named_for(name, look.stack):
            size = one.get("storedBytes", 0) / _GIB
            yield look.found(
                "log group",
                name,
                f"logs delete-log-group --log-group-name {name}",
                detail=f"{size:.2f} GiB, kept {one.get('retentionInDays', 'for ever')} days".replace(
                    "ever days", "ever"
                ),
                monthly=look.unit("log_storage", size),
            )


def queues(look: Look) -> Iterator[Leftover]:
    for url in look.every("sqs", "list_queues", "QueueUrls", QueueNamePrefix=f"{look.stack.prefix}-"):
        yield look.found("queue", url.rsplit("/", 1)[-1], f"sqs delete-queue --queue-url {url}")


def rules(look: Look) -> Iterator[Leftover]:
    for one in look.every("events", "list_rules", "Rules", NamePrefix=f"{look.stack.prefix}-"):
        name = one["Name"]
        targets = look.every("events", "list_targets_by_rule", "Targets", Rule=name)
        first = f"events remove-targets --rule {name} --ids {' '.join(target['Id'] for target in targets)} && aws "
        yield look.found("event rule", name, f"{first if targets else ''}events delete-rule --name {name}")


def roles(look: Look) -> Iterator[Leftover]:
    for one in look.every("iam", "list_roles", "Roles", PathPrefix="/keelson/"):
        name = one["RoleName"]
        if is_named_for(name, look.stack):
            removal = f"iam delete-role --role-name {name}"
            yield look.found("role", name, removal, detail="remove its policies first")


def profiles(look: Look) -> Iterator[Leftover]:
    for one in look.every("iam", "list_instance_profiles", "InstanceProfiles"):
        name = one["InstanceProfileName"]
        # Karpenter's names begin with the cluster's; whose they are says the tag.
        if not name.startswith(look.stack.prefix):
            continue
        tags = tags_of(look.ask("iam", "get_instance_profile", InstanceProfileName=name)["InstanceProfile"])
        if belongs(tags, look.stack):
            removal = f"iam delete-instance-profile --instance-profile-name {name}"
            yield look.found("instance profile", name, removal, detail="remove its role first")


def budgets(look: Look) -> Iterator[Leftover]:
    name = f"{look.stack.prefix}-monthly"
    try:
        look.ask("budgets", "describe_budget", AccountId=look.account_id, BudgetName=name)
    except Absent:
        return
    removal = f"budgets delete-budget --account-id {look.account_id} --budget-name {name}"
    yield look.found("budget", name, removal)


LISTERS = (
    Lister(kind="clusters", covers=("eks:",), look=clusters),
    Lister(kind="log groups", covers=("logs:log-group",), look=log_groups),
    Lister(kind="queues", covers=("sqs:",), look=queues),
    Lister(kind="event rules", covers=("events:rule",), look=rules),
)
# Not of any region: looked for once.
GLOBAL_LISTERS = (
    Lister(kind="instance profiles", covers=("iam:instance-profile",), look=profiles),
    Lister(kind="roles", covers=("iam:role",), look=roles),
    Lister(kind="budgets", covers=(), look=budgets),
)
