"""Where the environments of the cloud are."""

from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class CloudSettings(BaseSettings):
    """Variables of a GitHub environment whose stack is in the cloud.

    Attributes:
        region: Of the stack.
        image: The components' image, by digest or by its tag in ECR; trainings run in it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    region: Annotated[str, Field(validation_alias="AWS_REGION")]
    image: Annotated[str | None, Field(validation_alias="KEELSON_COMPONENTS_IMAGE")] = None


def cloud() -> CloudSettings:
    """The settings of this job's environment.

    Raises:
        ValueError: One is missing.
    """
    try:
        return CloudSettings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        missing = ", ".join(str(one["loc"][0]) for one in error.errors())
        raise ValueError(
            f"{missing} is not set, and without KEELSON_ENVIRONMENTS the environment is in the cloud"
        ) from None
