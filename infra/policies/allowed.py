"""What the rules allow by name: regions, machine types, managed policies, registries. A fork edits this file."""

from collections.abc import Mapping

# Tags that budget, cost reports and the sweep after a teardown go by, with their values; `<stack>` is the stack's name.
TAGS: Mapping[str, tuple[str, ...]] = {
    "project": ("keelson",),
    "stack": ("<stack>",),
    "managed-by": ("pulumi", "karpenter"),
}

# Stacks whose data must survive a mistake.
PROTECTED_STACKS = frozenset({"prod"})

REGIONS = frozenset("us-east-1 us-east-2 us-west-2 ca-central-1 eu-central-1 eu-west-1 eu-west-2 eu-north-1".split())

# Families of machine types, and the largest size of each.
LARGEST = "4xlarge"
MACHINES: Mapping[str, str] = {
    **dict.fromkeys("t3 t3a t4g".split(), "2xlarge"),
    **dict.fromkeys("c6a c6i c7a c7g c7i m5 m5a m6a m6g m6i m7a m7g m7i r6a r6i r7g r7i".split(), LARGEST),
    **dict.fromkeys("g4dn g5 g6 g6e".split(), LARGEST),
}
DATABASE_MACHINES: Mapping[str, str] = {
    **dict.fromkeys("db.t4g db.t3".split(), "large"),
    **dict.fromkeys("db.m6g db.m7g db.r6g db.r7g".split(), LARGEST),
}
GPU_FAMILIES = ("g", "p")

# AWS's managed policies that a role may have. A node's role may have the first group only.
NODE_POLICIES = frozenset(
    (
        "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
        "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
        "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    )
)
MANAGED_POLICIES = NODE_POLICIES | frozenset(
    (
        "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
        "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
        "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
    )
)

_SIZES: tuple[str, ...] = tuple(
    "nano micro small medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge".split()
)


def within(machine: str, table: Mapping[str, str]) -> bool:
    """Whether a machine type such as ``g5.xlarge`` or ``db.t4g.micro`` is in the table and not above its size."""
    family, _, size = machine.rpartition(".")
    return family in table and no_larger(size, table[family])


def no_larger(size: str, largest: str) -> bool:
    """Whether a size such as ``xlarge`` is known, and not above ``largest``."""
    return size in _SIZES and _SIZES.index(size) <= _SIZES.index(largest)


def has_gpu(machine: str) -> bool:
    """Whether a machine type's family carries GPUs: ``g5.xlarge`` does, ``m7g.large`` does not."""
    return machine.startswith(GPU_FAMILIES) and machine[1:2].isdecimal()
