"""What a person may ask of the pipelines: each request says which pipeline is run, and with what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.trips.source import fingerprint
from pipelines import features, monitoring, scoring, training
from pipelines.driver import Job
from pipelines.trigger import cause

DEFAULT_ROWS, DEFAULT_SEED = 200_000, 42


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What may be said with every request.

    Attributes:
        reason: Why the run is started. It is noted, and changes nothing: two that ask for the same with different
            reasons share a run.
    """

    reason: str = ""

    def _run_of(self, name: str, version: str, pipeline: Callable[..., Any], arguments: Mapping[str, Any]) -> Job:
        return Job(name=name, version=version, pipeline=pipeline, arguments=arguments, reason=self.reason)


@dataclass(frozen=True, kw_only=True)
class TrainingRequest(Asked):
    """A model from a source of trips.

    Attributes:
        data: Source of trips.
        rows: Trips to generate.
        seed: Seed of every random choice.
        families: Model families to try.
        trials: Sets of parameters to try for each family.
        tuning_seconds: Time for that, each family.
        device: ``cpu`` or ``cuda``.
        force_reason: Accept the model in spite of the gate, for this reason; empty leaves the decision to the gate.
    """

    data: str = "synthetic"
    rows: int = DEFAULT_ROWS
    seed: int = DEFAULT_SEED
    families: tuple[str, ...] = training.FAMILIES
    trials: int = 4
    tuning_seconds: float = 120.0
    device: str = "cpu"
    force_reason: str = ""

    def job(self) -> Job:
        """The pipeline with its arguments; equal requests of equal sources tune in the same study.

        Raises:
            components.trips.source_error.SourceError: The source cannot be used.
        """
        arguments = {
            "source": self.data,
            "rows": self.rows,
            "seed": self.seed,
            "families": list(self.families),
            "trials": self.trials,
            "tuning_seconds": self.tuning_seconds,
            "device": self.device,
            "force_reason": self.force_reason,
            "fingerprint": fingerprint(self.data, self.rows, self.seed),
        }
        arguments["study"] = cause("training", training.VERSION, arguments)
        return self._run_of("training", training.VERSION, training.training, arguments)


@dataclass(frozen=True, kw_only=True)
class FeaturesRequest(Asked):
    """Fresh features of a source of trips.

    Attributes:
        data: Source of trips.
        rows: Trips to generate.
        seed: Seed of generated trips.
    """

    data: str = "synthetic"
    rows: int = DEFAULT_ROWS
    seed: int = DEFAULT_SEED

    def job(self) -> Job:
        """The pipeline with its arguments.

        Raises:
            components.trips.source_error.SourceError: The source cannot be used.
        """
        print_of_source = fingerprint(self.data, self.rows, self.seed)
        arguments = {"source": self.data, "rows": self.rows, "seed": self.seed, "fingerprint": print_of_source}
        return self._run_of("features", features.VERSION, features.features, arguments)


@dataclass(frozen=True, kw_only=True)
class ScoringRequest(Asked):
    """A prediction for every trip of a data version.

    Attributes:
        data_version: Version of the trips table.
        model_version: Version of the model; 0 for the champion.
    """

    data_version: int
    model_version: int = 0

    def job(self) -> Job:
        """The pipeline with its arguments."""
        arguments = {"data_version": self.data_version, "model_version": self.model_version}
        return self._run_of("scoring", scoring.VERSION, scoring.scoring, arguments)


@dataclass(frozen=True, kw_only=True)
class MonitoringRequest(Asked):
    """One look at the windows of predictions that are due."""

    def job(self) -> Job:
        """The pipeline; what it looks at is the stack's."""
        return self._run_of("monitoring", monitoring.VERSION, monitoring.monitoring, {})


Request = TrainingRequest | FeaturesRequest | ScoringRequest | MonitoringRequest
