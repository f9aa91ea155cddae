"""LightGBM: boosted trees, kept in its own text format. Its wheel learns on the CPU alone."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from components import contract
from components.families.family import OnRound, Parameters, Part, Range, normalised
from components.families.lightgbm_row import RowPredictor
from components.lean import without

if TYPE_CHECKING:
    from lightgbm import Booster

MAX_ROUNDS, PATIENCE = 400, 20
# Fixed, not the machine's: sums over another number of threads differ in their last bits.
THREADS = 2


def lightgbm() -> Any:
    """The lightgbm module, imported without the packages that only its scikit-learn and plotting faces need."""
    # OpenMP threads that wait spin by default: on a busy machine training then takes ten times as long. It is read
    # when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with without("sklearn", "pandas", "dask", "matplotlib", "pyarrow"):
        import lightgbm
    return lightgbm


class LightGbm:
    """A LightGBM booster of log durations."""

    NAME: ClassVar[str] = "lightgbm"
    FILE: ClassVar[str] = "model.txt"
    PACKAGES: ClassVar[tuple[str, ...]] = ("lightgbm",)
    DEVICES: ClassVar[tuple[str, ...]] = ("cpu",)
    DEFAULTS: ClassVar[Parameters] = {
        "learning_rate": 0.1,
        "num_leaves": 63,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.9,
        "lambda_l2": 1e-3,
    }
    # Not the learning rate: the pruner compares trials after as many rounds, and the faster learner would win there.
    SPACE: ClassVar[Mapping[str, Range]] = {
        "num_leaves": Range(low=15, high=127, log=True, integer=True),
        "min_data_in_leaf": Range(low=10, high=200, log=True, integer=True),
        "feature_fraction": Range(low=0.5, high=1.0),
        "lambda_l2": Range(low=1e-3, high=10.0, log=True),
    }

    def __init__(self, booster: "Booster", rounds: int) -> None:
        self.booster, self.rounds = booster, rounds
        self._row: RowPredictor | None = None

    @classmethod
    def fit(
        cls,
        train: Part,
        validation: Part,
        parameters: Parameters,
        *,
        seed: int,
        device: str = "cpu",
        max_rounds: int | None = None,
        on_round: OnRound | None = None,
    ) -> Self:
        """Add trees until the validation part stops getting better."""
        lgb = lightgbm()
        names, quiet = list(contract.MODEL_FEATURES), {"verbosity": -1}
        learned = lgb.Dataset(train.features, label=train.target, feature_name=names, params=quiet)
        held = lgb.Dataset(validation.features, label=validation.target, reference=learned)
        callbacks = [lgb.early_stopping(PATIENCE, verbose=False)]
        if on_round:
            callbacks.append(_told(on_round))
        booster = lgb.train(
            settings({**cls.DEFAULTS, **parameters}, seed),
            learned,
            num_boost_round=max_rounds or MAX_ROUNDS,
            valid_sets=[held],
            callbacks=callbacks,
        )
        return cls(booster, booster.best_iteration)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the text."""
        booster = lightgbm().Booster(model_file=str(file))
        return cls(booster, booster.num_trees())

    def save(self, file: Path) -> None:
        """Write the trees up to the best round."""
        file.write_text(self.booster.model_to_string(num_iteration=self.rounds), encoding="utf-8")

    def predict(self, features: np.ndarray, *, threads: int) -> np.ndarray:
        """The sum of the trees."""
        if len(features) != 1:
            return self._predicted(features, num_threads=threads)
        if self._row is None:
            self._row = RowPredictor(self.booster, self.rounds, len(contract.MODEL_FEATURES))
        return self._row.predict(features)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """SHAP values of trees (Lundberg et al., "Consistent individualized feature attribution", 2018)."""
        return self._predicted(features, num_threads=1 if len(features) == 1 else 0, pred_contrib=True)

    def importances(self) -> np.ndarray:
        """Gain of the splits on each feature."""
        gain = self.booster.feature_importance(importance_type="gain", iteration=self.rounds)
        return normalised(np.asarray(gain, dtype=np.float64))

    def _predicted(self, features: np.ndarray, **how: Any) -> np.ndarray:
        return np.asarray(self.booster.predict(features, num_iteration=self.rounds, **how), dtype=np.float64)


def settings(parameters: Parameters, seed: int) -> dict[str, Any]:
    """LightGBM's settings: the same bytes for the same data."""
    return {
        "objective": "regression",
        "metric": "rmse",
        **parameters,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": THREADS,
        "verbosity": -1,
    }


def _told(on_round: OnRound) -> Callable[[Any], None]:
    def tell(environment: Any) -> None:
        on_round(environment.iteration + 1, environment.evaluation_result_list[0][2])

    return tell
