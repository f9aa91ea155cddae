"""Secrets on the cluster: copies, kept by External Secrets, of what stands in AWS Secrets Manager."""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes import apiextensions, meta

from infra.apps.foundation import Field

_API = "external-secrets.io/v1"
STORE = "aws-secrets-manager"


def secret_store(name: str, region: str, opts: pulumi.ResourceOptions) -> apiextensions.CustomResource:
    """The one store of a cluster.

    It has no ``auth``: the controller reads by its own Pod Identity, which cannot be combined with one.
    """
    return apiextensions.CustomResource(
        name,
        api_version=_API,
        kind="ClusterSecretStore",
        metadata=meta.v1.ObjectMetaArgs(name=STORE),
        spec={"provider": {"aws": {"service": "SecretsManager", "region": region}}},
        opts=opts,
    )


def external_secret(
    title: str,
    *,
    namespace: str,
    name: str,
    fields: Mapping[str, Field],
    opts: pulumi.ResourceOptions,
) -> apiextensions.CustomResource:
    """A Kubernetes secret made from secrets in Secrets Manager, and kept equal to them.

    Args:
        title: Logical name in Pulumi.
        name: Name of the Kubernetes secret, and of the object that keeps it.
        fields: Each key of the Kubernetes secret, and where its value comes from.
    """
    return apiextensions.CustomResource(
        title,
        api_version=_API,
        kind="ExternalSecret",
        metadata=meta.v1.ObjectMetaArgs(name=name, namespace=namespace),
        spec={
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": STORE},
            "target": {"name": name, "creationPolicy": "Owner"},
            "data": [
                {"secretKey": key, "remoteRef": {"key": field.source, "property": field.key}}
                for key, field in sorted(fields.items())
            ],
        },
        opts=opts,
    )


class SecretsManager:
    """Secrets Manager as the keeper of a stack's secrets."""

    def kubernetes_secret(
        self, title: str, *, namespace: str, name: str, fields: Mapping[str, Field], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        """See ``SecretKeeper``."""
        return external_secret(title, namespace=namespace, name=name, fields=fields, opts=opts)

    def place(self, field: Field) -> pulumi.Output[str]:
        """See ``SecretKeeper``."""
        return pulumi.Output.concat("secretsmanager:", field.source, f":{field.key}")
