"""The model behind one of BentoML's own API methods, as its manual shows it; the benchmark compares with it."""

import bentoml
import numpy as np

from components.model import load_model
from serving.loadtest.bare import BareSettings


@bentoml.service(workers=1)
class Stock:
    """Asynchronous, because that is the quicker of BentoML's two kinds for a model that answers in microseconds."""

    def __init__(self) -> None:
        self.model = load_model(BareSettings().model)  # pyright: ignore[reportCallIssue]

    @bentoml.api
    async def predict(self, features: list[list[float]]) -> list[float]:
        """Seconds for rows of MODEL_FEATURES."""
        return self.model.predict(np.array(features, dtype=np.float64)).tolist()
