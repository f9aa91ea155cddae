"""XGBoost: boosted trees, kept in its UBJSON format; it learns on a GPU by the same code."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from components import contract
from components.families.family import OnRound, Parameters, Part, Range, normalised
from components.lean import without

if TYPE_CHECKING:
    from xgboost import Booster

MAX_ROUNDS, PATIENCE = 400, 20
# Fixed, not the machine's: sums over another number of threads differ in their last bits.
THREADS = 2
# XGBoost holds numbers as float32 and refuses what is infinite there; no feature comes near.
LARGEST = 1e30


class NoCudaError(RuntimeError):
    """A GPU was asked for where there is none that XGBoost can use."""


def xgboost() -> Any:
    """The xgboost module, imported without the packages that only its scikit-learn and plotting faces need."""
    # As for LightGBM: threads that spin while they wait make each other slow.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with without("sklearn", "pandas", "dask", "matplotlib"):
        import xgboost
    return xgboost


class XgBoost:
    """An XGBoost booster of log durations."""

    NAME: ClassVar[str] = "xgboost"
    FILE: ClassVar[str] = "model.ubj"
    PACKAGES: ClassVar[tuple[str, ...]] = ("xgboost-cpu",)
    DEVICES: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    DEFAULTS: ClassVar[Parameters] = {
        "learning_rate": 0.1,
        "max_depth": 8,
        "min_child_weight": 20.0,
        "colsample_bytree": 0.9,
        "reg_lambda": 1.0,
    }
    # Without the learning rate, as for LightGBM.
    SPACE: ClassVar[Mapping[str, Range]] = {
        "max_depth": Range(low=4, high=10, integer=True),
        "min_child_weight": Range(low=1.0, high=100.0, log=True),
        "colsample_bytree": Range(low=0.5, high=1.0),
        "reg_lambda": Range(low=1e-2, high=10.0, log=True),
    }

    def __init__(self, booster: "Booster") -> None:
        self.booster, self.rounds = booster, booster.num_boosted_rounds()

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
        """Add trees until the validation part stops getting better.

        Raises:
            NoCudaError: ``device`` is ``cuda`` and there is none.
        """
        xgb = xgboost()
        if device == "cuda" and not xgb.build_info().get("USE_CUDA"):
            raise NoCudaError(
                "device cuda was asked for, but this XGBoost was built without CUDA: use the dependency group 'cuda' "
                "in place of 'cpu' on a machine with an NVIDIA GPU, or device cpu"
            )
        learned = xgb.QuantileDMatrix(_bounded(train.features), label=train.target, nthread=THREADS)
        held = xgb.QuantileDMatrix(_bounded(validation.features), label=validation.target, ref=learned, nthread=THREADS)
        booster = xgb.train(
            settings({**cls.DEFAULTS, **parameters}, seed, device),
            learned,
            num_boost_round=max_rounds or MAX_ROUNDS,
            evals=[(held, "validation")],
            early_stopping_rounds=PATIENCE,
            callbacks=[_told(xgb, on_round)] if on_round else None,
            verbose_eval=False,
        )
        best = booster[: booster.best_iteration + 1]
        # What the learning left behind is of no use later, and would be part of the bytes.
        best.set_attr(best_iteration=None, best_score=None)
        return cls(best)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the trees."""
        booster = xgboost().Booster({"nthread": 1, "device": "cpu"})
        booster.load_model(file)
        return cls(booster)

    def save(self, file: Path) -> None:
        """Write the trees."""
        file.write_bytes(self.booster.save_raw("ubj"))

    def predict(self, features: np.ndarray, *, threads: int) -> np.ndarray:
        """The sum of the trees."""
        self.booster.set_param({"nthread": threads})
        return np.asarray(self.booster.inplace_predict(_bounded(features)), dtype=np.float64)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """SHAP values of trees (Lundberg et al., "Consistent individualized feature attribution", 2018)."""
        asked = xgboost().DMatrix(_bounded(features))
        self.booster.set_param({"nthread": 1 if len(features) == 1 else 0})
        return np.asarray(self.booster.predict(asked, pred_contribs=True), dtype=np.float64)

    def importances(self) -> np.ndarray:
        """Gain of the splits on each feature."""
        gain = self.booster.get_score(importance_type="total_gain")
        weights = [gain.get(f"f{number}", 0.0) for number in range(len(contract.MODEL_FEATURES))]
        return normalised(np.array(weights, dtype=np.float64))


def settings(parameters: Parameters, seed: int, device: str) -> dict[str, Any]:
    """XGBoost's settings: the same bytes for the same data."""
    return {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "eval_metric": "rmse",
        **parameters,
        "seed": seed,
        "nthread": THREADS,
        "device": device,
        "verbosity": 0,
    }


def _bounded(features: np.ndarray) -> np.ndarray:
    """The features with nothing infinite; NaN stays."""
    return np.clip(features, -LARGEST, LARGEST)


def _told(xgb: Any, on_round: OnRound) -> Any:
    class Tell(xgb.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            on_round(epoch + 1, evals_log["validation"]["rmse"][-1])
            return False

    return Tell()
