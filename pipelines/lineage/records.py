"""What was found out about a chain before anything is concluded from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run in MLflow.

    Attributes:
        run_id: Its id.
        status: As MLflow says it.
        started: Start, ISO 8601 in UTC.
        deleted: Whether it is in MLflow's bin; it is still readable there.
        parameters: As logged.
        metrics: As logged.
        tags: As set.
    """

    run_id: str
    status: str
    started: str
    deleted: bool
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """A version of the registered model, with the aliases that point to it."""

    version: int
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VariantRecord:
    """A model version of a bundle, and where the bundle's manifest says that it comes from."""

    model_version: str
    run_id: str
    data_version: str


@dataclass(frozen=True, kw_only=True)
class BundleRecord:
    """A bundle's manifest; ``tag`` is without the bundle's name, and ``fault`` says why nothing else could be read."""

    tag: str
    commit: str = ""
    variants: tuple[VariantRecord, ...] = ()
    lock_hash: str = ""
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class ServiceRecord:
    """What the deployed service says of itself.

    Attributes:
        url: Its address.
        bundle: Tag of the bundle that answers, without the bundle's name; empty where it did not answer.
        model_version: Version of the model that is the champion there.
        silence: Why nothing is known, or empty.
    """

    url: str
    bundle: str = ""
    model_version: str = ""
    silence: str = ""


@dataclass(frozen=True, kw_only=True)
class CommitRecord:
    """A commit that the clone has; ``time`` is ISO 8601."""

    sha: str
    subject: str
    time: str


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """A version of the trips table; ``fault`` says why it cannot be read, or is empty."""

    version: int
    rows: int = 0
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class PredictionsRecord:
    """The predictions of one model version for the trips of one data version."""

    data_version: int
    model_version: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Records:
    """All of it.

    Attributes:
        service: The deployed service.
        bundles: Of the bundle store.
        versions: Of the registered model.
        runs: Those that the question touches.
        predictions: All in the table of predictions.
        commits: By SHA-1; absent where the clone does not have them, or there is no clone.
        data: By version.
    """

    service: ServiceRecord
    bundles: tuple[BundleRecord, ...] = ()
    versions: tuple[VersionRecord, ...] = ()
    runs: tuple[RunRecord, ...] = ()
    predictions: tuple[PredictionsRecord, ...] = ()
    commits: Mapping[str, CommitRecord] = field(default_factory=dict)
    data: Mapping[int, DataRecord] = field(default_factory=dict)
