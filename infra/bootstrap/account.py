"""Everything that an account needs before its first stack."""

import pulumi
import pulumi_aws as aws

from infra.aws.naming import tag_everything
from infra.bootstrap import trust
from infra.bootstrap.boundary import Boundary
from infra.bootstrap.permissions import preview_policies, stack_policies, training_policies
from infra.bootstrap.permissions.scope import Scope
from infra.bootstrap.role import GitHubRole
from infra.bootstrap.settings import BootstrapSettings
from infra.bootstrap.state import StateStore
from infra.settings import STACKS

# Longer than the longest deployment, a first `up` with databases in two zones.
_DEPLOY_HOURS = 6


class Account(pulumi.ComponentResource):
    """State, key, GitHub's identity provider, boundary, and one deploy and one training role for each stack.

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
        self._settings, self._child = settings, pulumi.ResourceOptions(parent=self, providers=[provider])
        self._state = StateStore("state", account_id=settings.account_id, region=settings.region, opts=self._child)
        self._issuer = trust.issuer_arn(
            "github",
            create=settings.oidc_provider == "create",
            opts=self._child,
            invoke=pulumi.InvokeOutputOptions(parent=self, provider=provider),
        )
        self._boundary = Boundary(
            "boundary",
            account_id=settings.account_id,
            state_bucket=self._state.name,
            state_key=self._state.key,
            opts=self._child,
        )
        self.exported = {"state-url": self._state.url, "key": self._state.key, "boundary": self._boundary.arn}
        regions = tuple(dict.fromkeys((settings.region, *settings.further_regions)))
        for stack, row in STACKS.items():
            scope = Scope(account_id=settings.account_id, regions=regions, stack=stack, protected=bool(row["protect"]))
            self.exported[f"deploy-role-{stack}"] = self._deployer(scope).arn
            self.exported[f"train-role-{stack}"] = self._trainer(scope).arn
        self.exported["preview-role"] = self._previewer().arn
        self.register_outputs(self.exported)

    def _deployer(self, scope: Scope) -> GitHubRole:
        return GitHubRole(
            f"deploy-{scope.stack}",
            description=f"Deploys stack {scope.stack}",
            trust=trust.policy(self._issuer, self._jobs(f"environment:{scope.stack}"), self._settings.operators),
            policies={**stack_policies(scope), "state": self._state.statements((scope.stack,), write=True)},
            hours=_DEPLOY_HOURS,
            opts=self._child,
        )

    def _trainer(self, scope: Scope) -> GitHubRole:
        # An environment of its own: a job that trains cannot take the deploy role on.
        return GitHubRole(
            f"train-{scope.stack}",
            description=f"Starts training runs in stack {scope.stack}",
            trust=trust.policy(self._issuer, self._jobs(f"environment:{scope.stack}-train")),
            policies=training_policies(scope),
            # A run is waited for by a token of the cluster's own.
            hours=1,
            boundary=self._boundary.arn,
            opts=self._child,
        )

    def _previewer(self) -> GitHubRole:
        return GitHubRole(
            "preview",
            description="Previews changes of every stack for pull requests; changes nothing",
            # Pull requests, and the nightly look for drift: the environment lets nothing but main take it on.
            trust=trust.policy(self._issuer, self._jobs("pull_request", "environment:drift")),
            policies={
                **preview_policies(self._settings.account_id),
                "state": self._state.statements(tuple(STACKS), write=False),
            },
            hours=_DEPLOY_HOURS,
            opts=self._child,
        )

    def _jobs(self, *kinds: str) -> list[str]:
        """Subjects of the tokens of each repository's jobs."""
        return [f"{one}:{kind}" for one in self._settings.github_subjects for kind in kinds]
