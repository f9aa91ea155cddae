"""Secrets on the cluster: copies, kept by External Secrets, of what stands in AWS Secrets Manager."""

from collections.abc import Mapping

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


def external_secret(
    title: str,
    *,
    namespace: str,
    name: str,
    source: pulumi.Input[str],
    keys: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> apiextensions.CustomResource:
    """A Kubernetes secret made from one secret in Secrets Manager, and kept equal to it.

    Args:
        title: Logical name in Pulumi.
        name: Name of the Kubernetes secret, and of the object that keeps it.
        source: Name of the secret in Secrets Manager, whose value is a JSON object.
        keys: Key of the Kubernetes secret → key of the JSON object.
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
                {"secretKey": key, "remoteRef": {"key": source, "property": field}}
                for key, field in sorted(keys.items())
            ],
        },
        opts=opts,
    )
