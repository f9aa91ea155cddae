"""Take a model version out of the MLflow registry."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from components import contract
from components.recording import DATA_VERSION, download_model
from components.tracking import Tracking
from serving.manifest import BundleError


class Registry(BaseSettings):
    """Where the registry is: all that a bundle needs of a stack, so that who can reach MLflow can build one.

    Raises:
        pydantic.ValidationError: The variable is missing; the message names it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    mlflow_tracking_uri: str = Field(validation_alias="MLFLOW_TRACKING_URI")


class UnknownVersionError(BundleError):
    """The registry has no such version or alias."""


@dataclass(frozen=True)
class RegisteredModel:
    """A model version on this machine.

    Attributes:
        folder: As ``components.model.save_model`` writes it.
        version: Version in the registry.
        run_id: The MLflow run that trained it.
        data_version: Version of the trips table that it learned from.
    """

    folder: Path
    version: str
    run_id: str
    data_version: str


def download(wanted: str, folder: Path, registry: Registry) -> RegisteredModel:
    """Download a model version.

    Args:
        wanted: A version number, or an alias such as ``champion``.
        folder: Where to put the model's files.
        registry: Where it is.

    Raises:
        UnknownVersionError: The registry has no such version.
        components.model.ModelIntegrityError: The model is not the one that was registered, or not for this contract.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with Tracking(registry.mlflow_tracking_uri) as tracking:
        if wanted.isdecimal():
            found = tracking.version(contract.MODEL_NAME, int(wanted))
        else:
            found = tracking.version_by_alias(contract.MODEL_NAME, wanted)
        if found is None:
            raise UnknownVersionError(
                f"the registry has no version or alias {wanted!r} of {contract.MODEL_NAME}; give one that it has, "
                "or train a model first"
            )
        download_model(tracking, found, folder)
    return RegisteredModel(folder, str(found.version), found.run_id, found.tags.get(DATA_VERSION, "unknown"))
