"""The nodes of an ONNX graph, gathered in the order in which they are computed."""

from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

# What a node takes: the name of a value, or a constant; Python's numbers become int64 and float64.
Value = str | int | float | np.ndarray


class Nodes:
    """Nodes and constants of a graph that is being made."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, operator: str, *inputs: Value, result: str | None = None, domain: str = "", **attributes: Any) -> str:
        """Add a node of one output.

        Args:
            operator: Name in the domain.
            inputs: Names of values, and constants.
            result: Name of the output; a new one by default.
            domain: Of the operator; ONNX's own by default.
            attributes: As ``onnx.helper.make_node`` takes them.

        Returns:
            Name of the output.
        """
        name = result or f"{operator.lower()}_{len(self.nodes)}"
        taken = [one if isinstance(one, str) else self._constant(one) for one in inputs]
        self.nodes.append(helper.make_node(operator, taken, [name], name=name, domain=domain, **attributes))
        return name

    def _constant(self, value: int | float | np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name
