"""What every stack on Kubernetes says of its services, whatever is under them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.settings.schema import Settings
from infra.settings.traffic import FeatureLookup, TrafficSettings


class Images(Settings):
    """Where container images come from."""

    prefix: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z0-9.-]+(?::[0-9]+)?(?:/[a-z0-9._-]+)*$",
            description="registry put before every image, for a cluster without internet; see `images.txt` of a render",
        ),
    ] = None


class ServiceSettings(Settings):
    """The settings that ``infra.apps`` reads of every stack.

    What a kind of stack decides without a setting is a property here, with the value of a stack that has no such thing.
    """

    stack: Annotated[Literal["cluster", "dev", "prod", "staging"], Field(description="name of the stack")]
    images: Images = Images()
    replicas: Annotated[int, Field(ge=1, le=10, description="copies of each service that people or models wait for")]
    bundle: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z0-9_-]+:[a-z0-9.-]+$",
            description="repository:tag of the deployed bundle's image in the stack's registry",
        ),
    ] = None
    traffic: Annotated[
        TrafficSettings | None, Field(description="the model versions of the deployed bundle that answer")
    ] = None
    feature_lookup: FeatureLookup = "required"

    @property
    def domain(self) -> str | None:
        """Pages are ``<name>.<domain>``; ``None`` where no page is public."""
        return None

    @property
    def steps_are_jobs(self) -> bool:
        """Whether steps of pipelines are Jobs, and not Kubeflow Pipelines'."""
        return False

    @property
    def pipeline_cpus(self) -> int:
        """CPUs that the steps of pipelines may ask for together."""
        return 0

    @property
    def pipeline_gpus(self) -> int:
        """GPUs that the steps of pipelines may ask for together."""
        return 0

    @property
    def monthly_budget(self) -> int | None:
        """USD; ``None`` where the program makes nothing that is paid for."""
        return None

    @property
    def cost_at_rest(self) -> int:
        """USD a month without the machines that come and go."""
        return 0

    @property
    def tells_of_alerts(self) -> bool:
        """Whether an address outside is told of alerts."""
        return False

    @property
    def keeps_logs(self) -> bool:
        """Whether the lines of all pods are brought to one store."""
        return False

    @property
    def disk_class(self) -> str | None:
        """Storage class of volumes; ``None`` is the cluster's default."""
        return None

    @model_validator(mode="after")
    def _traffic_needs_a_bundle(self) -> Self:
        if self.traffic is not None and self.bundle is None:
            raise ValueError("traffic names model versions of a bundle, and no bundle is set")
        return self
