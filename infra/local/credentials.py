"""Random passwords that live only in Pulumi's encrypted state and in the services that need them."""

import secrets
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from infra.local.provider import READY, LocalProvider

_BYTES = 24


class PasswordProvider(LocalProvider):
    """Makes a password once and keeps it for the life of the stack."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return props["purpose"]

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        # URL-safe letters: the password stands in connection URLs and in configuration files unescaped.
        return {"value": previous["value"] if previous else secrets.token_urlsafe(_BYTES)}

    def observe(self, props: Mapping[str, Any]) -> str:
        return READY


class Password(Resource, module="local", name="Password"):
    """A random password of 192 bits, secret in state."""

    value: pulumi.Output[str]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(
            PasswordProvider(),
            name,
            {"purpose": name, "value": None, "status": None},
            pulumi.ResourceOptions.merge(opts, secret),
        )
