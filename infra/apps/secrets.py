"""Secrets on the cluster: copies, kept by External Secrets, of what stands in AWS Secrets Manager."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apiextensions, meta

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


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value in Secrets Manager: the name of a secret whose value is a JSON object, and the object's key."""

    source: pulumi.Input[str]
    key: str


def same_keys(source: pulumi.Input[str], keys: Iterable[str]) -> dict[str, Field]:
    """Keys that a Kubernetes secret has from one secret in Secrets Manager, under the same names."""
    return {key: Field(source=source, key=key) for key in keys}


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
