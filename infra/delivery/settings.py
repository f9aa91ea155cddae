"""What a job of a workflow is told by its environment, read once."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.delivery.github import Repository
from infra.delivery.promotion import PROD, RULES, Kind, Rules
from infra.repository.github import Access


class SettingsError(ValueError):
    """A variable is missing or wrong; the message names each of them."""


class Job(BaseSettings):
    """The job: GitHub's own variables, and those of the repository.

    Attributes:
        api: Address of GitHub's REST API.
        server: Address of GitHub.
        repository: ``owner/name``.
        token: The job's own.
        run: Number of the workflow's run.
        actor: Who started it.
        commit: That is run.
        green_runs: Green runs in a row in staging that code needs for prod; without it, as ``promotion.RULES`` says.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    api: Annotated[str, Field(validation_alias="GITHUB_API_URL", pattern=r"^https?://\S+$")]
    server: Annotated[str, Field(validation_alias="GITHUB_SERVER_URL", pattern=r"^https?://\S+$")]
    repository: Annotated[str, Field(validation_alias="GITHUB_REPOSITORY", pattern=r"^[\w.-]+/[\w.-]+$")]
    token: Annotated[SecretStr, Field(validation_alias="GITHUB_TOKEN")]
    run: Annotated[int, Field(validation_alias="GITHUB_RUN_ID", ge=1)]
    actor: Annotated[str, Field(validation_alias="GITHUB_ACTOR")]
    commit: Annotated[str, Field(validation_alias="GITHUB_SHA", pattern=r"^[0-9a-f]{40}$")]
    green_runs: Annotated[int | None, Field(validation_alias="KEELSON_GREEN_RUNS", ge=1, le=50)] = None

    @model_validator(mode="after")
    def _http_only_on_this_machine(self) -> Self:
        if self.api.startswith("http://") and not self.api.startswith(("http://127.0.0.1", "http://localhost")):
            raise ValueError(f"GITHUB_API_URL is {self.api}: the job's token is sent over https alone")
        return self

    def github(self) -> Repository:
        """The repository, asked in the job's name."""
        return Repository(Access(token=self.token.get_secret_value(), address=self.api), self.repository)

    def rules(self) -> Rules:
        """What an entry needs."""
        if self.green_runs is None:
            return RULES
        return Rules({**RULES.green_runs, (PROD, Kind.CODE): self.green_runs}, RULES.approved)

    def log(self) -> str:
        """Address of the run's page."""
        return f"{self.server}/{self.repository}/actions/runs/{self.run}"


def job() -> Job:
    """The job that this process is a step of.

    Raises:
        SettingsError: A variable is missing or wrong.
    """
    try:
        return Job()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'job'}: {one['msg']}" for one in error.errors())
        raise SettingsError(f"this is a step of a workflow's job, and its environment is not whole: {told}") from None
