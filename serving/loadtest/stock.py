"""The model behind one of BentoML's own API methods, as its manual shows it; the benchmark compares with it."""

import os
from pathlib import Path

import bentoml
import numpy as np

from components.model import load_model
from serving.loadtest.bare import MODEL_VARIABLE


@bentoml.service(workers=1)
class Stock:
    """Asynchronous, because that is the quicker of BentoML's two kinds for a model that answers in microseconds."""

    def __init__(self) -> None:
        self.model = load_model(Path(os.environ[MODEL_VARIABLE]))

    @bentoml.api
    async def predict(self, features: list[list[float]]) -> list[float]:
        """Seconds for rows of MODEL_FEATURES."""
        return self.model.predict(np.array(features, dtype=np.float64)).tolist()
