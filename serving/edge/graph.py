"""A model as one ONNX graph: from what a trip says to seconds and to the ends of its interval."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, checker, helper

from components import contract
from components.features.online import ONLINE_FEATURES
from components.model import Model
from serving.edge.features import STORED, model_features
from serving.edge.formulas import baseline_logs, linear_logs
from serving.edge.nodes import Nodes
from serving.edge.trees import DOMAIN, NotExportableError, lightgbm_logs, xgboost_logs

LOW, HIGH = "low", "high"

# The oldest of each that has all that is used here; an older onnxruntime on a device reads more of them.
_IR_VERSION, _OPSET, _ML_OPSET = 10, 21, 5
_LOGS: Final[Mapping[str, Callable[[Nodes, str, Path], str]]] = MappingProxyType(
    {"baseline": baseline_logs, "linear": linear_logs, "lightgbm": lightgbm_logs, "xgboost": xgboost_logs}
)


def build(model: Model, native: Path) -> ModelProto:
    """Make the graph of a model.

    Args:
        model: Gives family and interval.
        native: Its native file.

    Returns:
        A checked model with the inputs of ``model_features`` and the outputs ``TARGET``, ``LOW`` and ``HIGH``, seconds,
        float64 [n] each. Equal models give equal bytes.

    Raises:
        NotExportableError: The family, or a part of the model, has no form in ONNX here.
    """
    if model.family not in _LOGS:
        raise NotExportableError(f"family {model.family!r} has no ONNX form; those that have: {', '.join(_LOGS)}")
    nodes = Nodes()
    logs = _LOGS[model.family](nodes, model_features(nodes), native)
    for name, shift in {contract.TARGET: 0.0, LOW: model.interval.low, HIGH: model.interval.high}.items():
        _seconds(nodes, nodes.add("Add", logs, shift), name)
    graph = helper.make_graph(nodes.nodes, contract.BUNDLE_NAME, _inputs(), _outputs(), nodes.constants)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(DOMAIN, _ML_OPSET)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="keelson")
    checker.check_model(made, full_check=True)
    return made


def _seconds(nodes: Nodes, logs: str, result: str) -> None:
    """As ``components.model.to_seconds``."""
    highest = float(np.log1p(contract.MAX_DURATION_SECONDS))
    seconds = nodes.add("Sub", nodes.add("Exp", nodes.add("Min", logs, highest)), 1.0)
    nodes.add("Clip", seconds, contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS, result=result)


def _inputs() -> list[ValueInfoProto]:
    whole = (contract.PICKUP_TIME, contract.PICKUP_ZONE, contract.DROPOFF_ZONE)
    vectors = {
        **dict.fromkeys(whole, TensorProto.INT64),
        contract.DISTANCE: TensorProto.DOUBLE,
        contract.PASSENGERS: TensorProto.DOUBLE,
    }
    return [
        *(helper.make_tensor_value_info(name, kind, ["n"]) for name, kind in vectors.items()),
        helper.make_tensor_value_info(STORED, TensorProto.DOUBLE, ["n", len(ONLINE_FEATURES)]),
    ]


def _outputs() -> list[ValueInfoProto]:
    return [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n"]) for name in (contract.TARGET, LOW, HIGH)]
