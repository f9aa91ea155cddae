"""Everything that an account needs before its first stack."""

import pulumi
import pulumi_aws as aws

from infra.aws.naming import tag_everything
from infra.bootstrap import trust
from infra.bootstrap.boundary import Boundary
from infra.bootstrap.permissions import preview_policies, stack_policies
from infra.bootstrap.permissions.scope import Scope
from infra.bootstrap.role import GitHubRole
from infra.bootstrap.settings import BootstrapSettings
from infra.bootstrap.state import StateStore
from infra.settings import STACKS


class Account(pulumi.ComponentResource):
    """State, key, GitHub's identity provider, boundary, and one deploy role for each stack.

    Attributes:
        exported: What people and workflows need to know: names, ARNs, and the address of the state.
    """

    exported: dict[str, pulumi.Input[str]]

    def __init__(self, name: str, *, settings: BootstrapSettings) -> None:
        # First: a component hands on what stands when it is made.
        tag_everything()
        super().__init__("keelson:bootstrap:Account", name)
        provider = aws.Provider(
            "aws",
            region=settings.region,
            # Another account's credentials are refused before anything is made.
            allowed_account_ids=[settings.account_id],
            opts=pulumi.ResourceOptions(parent=self),
        )
        child = pulumi.ResourceOptions(parent=self, providers=[provider])
        state = StateStore("state", account_id=settings.account_id, region=settings.region, opts=child)
        issuer = trust.issuer_arn(
            "github",
            create=settings.oidc_provider == "create",
            opts=child,
            invoke=pulumi.InvokeOutputOptions(parent=self, provider=provider),
        )
        boundary = Boundary(
            "boundary", account_id=settings.account_id, state_bucket=state.name, state_key=state.key, opts=child
        )
        regions = tuple(dict.fromkeys((settings.region, *settings.further_regions)))
        scopes = [
            Scope(account_id=settings.account_id, regions=regions, stack=stack, protected=bool(row["protect"]))
            for stack, row in STACKS.items()
        ]
        self.exported = {"state-url": state.url, "key": state.key, "boundary": boundary.arn}
        for scope in scopes:
            self.exported[f"deploy-role-{scope.stack}"] = GitHubRole(
                f"deploy-{scope.stack}",
                description=f"Deploys stack {scope.stack}",
                trust=trust.policy(
                    issuer,
                    [f"{one}:environment:{scope.stack}" for one in settings.github_subjects],
                    settings.operators,
                ),
                policies={
                    **stack_policies(scope),
                    "state": state.statements((scope.stack,), write=True),
                },
                opts=child,
            ).arn
        self.exported["preview-role"] = GitHubRole(
            "preview",
            description="Previews changes of every stack for pull requests; changes nothing",
            # Pull requests, and the nightly look for drift: the environment lets nothing but main take it on.
            trust=trust.policy(
                issuer,
                [f"{one}:{job}" for one in settings.github_subjects for job in ("pull_request", "environment:drift")],
            ),
            policies={
                **preview_policies(settings.account_id),
                "state": state.statements(tuple(STACKS), write=False),
            },
            opts=child,
        ).arn
        self.register_outputs(self.exported)
