"""Kubernetes Secrets from the stack's own credentials."""

import json
from collections.abc import Mapping

import pulumi
from pulumi_kubernetes import core, meta

from infra.apps.foundation import Field
from infra.self_hosted.credentials import Secrets

# Which credential each key holds, for who makes the Secrets without Pulumi.
SOURCES = "keelson/sources"


class GeneratedSecrets:
    """The stack's credentials as the keeper of its secrets."""

    def __init__(self, credentials: pulumi.Output[Secrets]) -> None:
        self._credentials = credentials

    def kubernetes_secret(
        self, title: str, *, namespace: str, name: str, fields: Mapping[str, Field], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        """See ``SecretKeeper``."""
        sources = {key: f"{field.source}/{field.key}" for key, field in sorted(fields.items())}
        return core.v1.Secret(
            title,
            metadata=meta.v1.ObjectMetaArgs(
                name=name, namespace=namespace, annotations={SOURCES: json.dumps(sources, sort_keys=True)}
            ),
            # A Secret's values are secrets in Pulumi's state without more.
            string_data={key: self._value(source) for key, source in sources.items()},
            opts=opts,
        )

    def place(self, field: Field) -> pulumi.Output[str]:
        """See ``SecretKeeper``."""
        return pulumi.Output.concat("credentials:", field.source, f":{field.key}")

    def _value(self, source: str) -> pulumi.Output[str]:
        return self._credentials.apply(lambda known: value(known, source))


def value(credentials: Secrets, source: str) -> str:
    """The credential ``<secret>/<key>``."""
    secret, _, key = source.partition("/")
    return credentials[secret][key]
