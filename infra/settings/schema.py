"""How every settings model behaves: frozen, no unknown keys, keys with hyphens."""

from pydantic import BaseModel, ConfigDict


def kebab(name: str) -> str:
    """``port_base`` → ``port-base``: Pulumi's configuration keys are the field names with hyphens."""
    return name.replace("_", "-")


class Settings(BaseModel):
    """Base of all settings models."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=kebab)
