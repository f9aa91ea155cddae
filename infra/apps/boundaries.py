"""What every workload of the cluster lives within: namespaces, network policies, priorities and roles."""

from collections.abc import Collection, Sequence

import pulumi

from infra.apps import openings as table
from infra.apps.foundation import CloudFoundation, Foundation
from infra.apps.namespaces import Namespaces
from infra.apps.network_policies import NetworkPolicies
from infra.apps.openings import Opening
from infra.apps.priority import PriorityClasses
from infra.apps.roles import Roles
from infra.settings.cloud import CloudSettings
from infra.settings.services import ServiceSettings


class Boundaries(pulumi.ComponentResource):
    """Made before anything else on the cluster: whatever comes later is admitted and limited from its first moment."""

    def __init__(
        self,
        name: str,
        foundation: Foundation,
        settings: ServiceSettings,
        *,
        openings: Sequence[Opening],
        vpc_cidr: str = "",
        others: Collection[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make them all.

        Args:
            vpc_cidr: The block that ``openings.VPC`` stands for, where they have it.
            others: Namespaces that are closed off too and not made.
        """
        provider = pulumi.ResourceOptions(providers=[foundation.provider])
        super().__init__("keelson:apps:Boundaries", name, None, pulumi.ResourceOptions.merge(opts, provider))
        namespaces = Namespaces("namespaces", foundation.namespaces, settings, pulumi.ResourceOptions(parent=self))
        PriorityClasses("priorities", pulumi.ResourceOptions(parent=self))
        # Policies and roles only spell out the namespaces that they are in.
        inside = pulumi.ResourceOptions(parent=self, depends_on=[namespaces])
        NetworkPolicies("network-policies", openings, vpc_cidr, (*foundation.namespaces, *others), inside)
        Roles("roles", foundation.namespaces, inside)
        self.register_outputs({})


def of_cloud(
    foundation: CloudFoundation, settings: CloudSettings, opts: pulumi.ResourceOptions | None = None
) -> Boundaries:
    """Those of a cloud stack, around EKS' own namespace too."""
    return Boundaries(
        "boundaries",
        foundation,
        settings,
        openings=table.of_stack(settings),
        vpc_cidr=foundation.vpc_cidr,
        others=[table.SYSTEM],
        opts=opts,
    )
