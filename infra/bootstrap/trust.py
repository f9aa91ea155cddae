"""Who may take a role on: GitHub's jobs by their OIDC subject, and named people."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.aws.policy import Statement, document

_ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


def issuer_arn(
    name: str, *, create: bool, opts: pulumi.ResourceOptions, invoke: pulumi.InvokeOutputOptions
) -> pulumi.Output[str]:
    """ARN of the account's identity provider for GitHub Actions, made here or found.

    AWS keeps one provider for each address, so a second project in the account finds the first one's. It checks
    GitHub's certificate by its own list of authorities; no thumbprint is pinned.
    """
    if not create:
        return aws.iam.get_open_id_connect_provider_output(url=f"https://{_ISSUER}", opts=invoke).arn
    return aws.iam.OpenIdConnectProvider(
        f"{name}-issuer",
        url=f"https://{_ISSUER}",
        client_id_lists=[_AUDIENCE],
        # Other roles of the account may trust it as well.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=True)),
    ).arn


def policy(issuer: pulumi.Input[str], subjects: Sequence[str], operators: Sequence[str] = ()) -> pulumi.Output[str]:
    """Trust policy: a GitHub token whose subject is one of ``subjects``, letter by letter, or one of ``operators``.

    A job that names an environment has the environment alone in its subject, so who may push where is GitHub's
    protection of that environment.
    """
    jobs = Statement(
        sid="JobsTakeRole",
        actions=["sts:AssumeRoleWithWebIdentity"],
        principals={"Federated": [issuer]},
        conditions={"StringEquals": {f"{_ISSUER}:aud": _AUDIENCE, f"{_ISSUER}:sub": list(subjects)}},
    )
    people = Statement(sid="OperatorsTakeRole", actions=["sts:AssumeRole"], principals={"AWS": list(operators)})
    return document(jobs, *([people] if operators else []))
