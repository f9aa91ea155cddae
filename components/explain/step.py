"""Explain what drives a model, overall."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from components import contract
from components.model import load_model
from components.page import Section, Table, figure, render
from components.train.parts import read_part

# Contributions of so many test trips: the mean of their sizes is then known to a few hundredths. A contribution costs
# as much as some hundred predictions.
SAMPLE_ROWS = 2_000
SAMPLE_SEED = 0


def explain(model: Path, test_set: Path, importances: Path, page: Path) -> dict[str, Any]:
    """Write what each feature does to the predictions, as JSON and as a page.

    Two measures, because each misleads alone: how much the model was shaped by a feature while it learned (gain of
    splits, or sizes of coefficients), and how much the feature moves predictions of trips it has not seen (mean size
    of contributions).

    Args:
        model: Model folder.
        test_set: Test part, Parquet.
        importances: JSON file to write.
        page: HTML file to write.

    Raises:
        components.model.ModelIntegrityError: The model folder was changed.
    """
    loaded = load_model(model)
    sample = read_part(test_set, rows=SAMPLE_ROWS, seed=SAMPLE_SEED)
    contributions = loaded.contributions(sample.features)
    sizes = np.abs(contributions[:, :-1]).mean(axis=0)
    shaped = loaded.importances()
    features = [
        {"feature": name, "mean_absolute_contribution": float(size), "importance": shaped[name]}
        for name, size in zip(contract.MODEL_FEATURES, sizes, strict=True)
    ]
    features.sort(key=lambda one: -one["mean_absolute_contribution"])
    result = {
        "family": loaded.family,
        "model_sha256": loaded.sha256,
        "sample_rows": len(sample.target),
        "base_seconds": float(np.expm1(contributions[:, -1].mean())),
        "features": features,
    }
    importances.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    page.write_text(_page(result), encoding="utf-8")
    return result


def _page(result: dict[str, Any]) -> str:
    features = result["features"]
    names = [one["feature"] for one in features][::-1]

    def draw(axes: Any) -> None:
        axes.barh(names, [100 * one["mean_absolute_contribution"] for one in features][::-1], color="C0")
        axes.set_xlabel("mean size of the contribution, % of the duration")

    plot = figure(draw, width=8, height=4.5, description="Mean size of each feature's contribution")
    rows = [
        (one["feature"], round(one["mean_absolute_contribution"], 4), round(one["importance"], 4)) for one in features
    ]
    said = (
        f"Contributions are on the logarithmic scale: 0.1 makes a trip about 10 % longer. They start from a base of "
        f"{result['base_seconds']:.0f} seconds and are means over {result['sample_rows']:,} test trips. Importance is "
        f"how much the feature shaped the {result['family']} model while it learned."
    )
    table = Table(columns=("Feature", "Mean absolute contribution", "Importance"), rows=rows)
    return render("What drives the model", [Section(heading="Features", text=said, figure=plot, table=table)])
