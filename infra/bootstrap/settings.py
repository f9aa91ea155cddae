"""Settings of the bootstrap: which account, where its state lies, and which repositories may deploy."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from infra.settings import SettingsError
from infra.settings.schema import Settings, kebab

__all__ = ["BootstrapSettings", "SettingsError", "load"]

# GitHub's names: an owner has letters, digits and single hyphens, a repository also dots and underscores; since
# 2026-07-15 new repositories put their immutable numbers behind both. No wildcard can pass.
_SUBJECT = r"^repo:[A-Za-z0-9](?:-?[A-Za-z0-9])*(?:/[A-Za-z0-9._-]+|@[0-9]+/[A-Za-z0-9._-]+@[0-9]+)$"

Region = Annotated[str, Field(pattern=r"^[a-z]{2}(?:-[a-z]+)+-[1-9]$")]
Subject = Annotated[str, Field(pattern=_SUBJECT)]
RoleArn = Annotated[str, Field(pattern=r"^arn:aws:iam::\d{12}:(?:role|user)/[\w+=,.@/-]+$")]


class BootstrapSettings(Settings):
    """Settings of one account."""

    account_id: Annotated[
        str,
        Field(
            coerce_numbers_to_str=True,
            pattern=r"^\d{12}$",
            description="the AWS account; credentials of another one are refused",
        ),
    ]
    region: Annotated[Region, Field(description="region of state and key")] = "us-east-1"
    further_regions: Annotated[
        tuple[Region, ...],
        Field(description="other regions in which the deploy roles may make stacks or copies of buckets"),
    ] = ()
    oidc_provider: Annotated[
        Literal["create", "lookup"],
        Field(description="an account holds one provider of GitHub's: make it, or use the one that is there"),
    ] = "create"
    github_subjects: Annotated[
        tuple[Subject, ...],
        Field(
            min_length=1,
            max_length=6,
            description="repositories that may deploy, as their OIDC subject begins: repo:OWNER/REPO, or "
            "repo:OWNER@OWNER_ID/REPO@REPO_ID for repositories made after 2026-07-15",
        ),
    ]
    operators: Annotated[
        tuple[RoleArn, ...],
        Field(max_length=10, description="IAM principals (ARNs) that may take the deploy roles on by hand"),
    ] = ()


def load(project: str, stack: str, config: Mapping[str, Any]) -> BootstrapSettings:
    """Validate the configuration.

    Args:
        config: Full configuration, ``{"<namespace>:<key>": value}``; keys of other namespaces are not looked at.

    Raises:
        SettingsError: A key is unknown or missing, or a value is wrong; the message is one sentence.
    """
    given = {key.split(":", 1)[1]: _typed(value) for key, value in config.items() if key.startswith(f"{project}:")}
    try:
        return BootstrapSettings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors()[0], project, stack)) from None


def _typed(value: Any) -> Any:
    """Undo Pulumi's flattening of structures to strings; a number may be an account, so it stays a text."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value


def _sentence(error: ErrorDetails, project: str, stack: str) -> str:
    path = [str(part) for part in error["loc"]]
    where = f"{project}:{'.'.join(path)} in infra/bootstrap/Pulumi.{stack}.yaml"
    fields = {kebab(name): field for name, field in BootstrapSettings.model_fields.items()}
    if error["type"] == "extra_forbidden":
        return f"Setting {where} is not known; allowed keys: {', '.join(sorted(fields))}."
    description = fields[path[0]].description
    if error["type"] == "missing":
        return f"Setting {where} is missing: {description}."
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"Setting {where} is {error['input']!r}, which is not allowed: {message} ({description})."
