"""Boosted trees as one node of an ONNX graph that gives their own numbers.

The node is ``TreeEnsemble`` of ai.onnx.ml version 5: it alone keeps 64-bit thresholds, leaves and sums. A library's
rounding is part of its model, so each library's trees are summed in the order and with the precision of the library.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from components.families.xgboost import LARGEST, XgBoost
from serving.edge.nodes import Nodes

DOMAIN = "ai.onnx.ml"

# The node's own numbers for "at most the threshold", "less than the threshold", and for adding the trees up.
_AT_MOST, _LESS, _SUM = 0, 1, 1
# LightGBM's bits of a decision, and what its bits from the third on say of a missing value.
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_IS_ZERO, _MISSING_IS_NAN = 1, 2


class NotExportableError(RuntimeError):
    """A model has a part that the exported graph cannot hold; the message names it and the way out."""


@dataclass(frozen=True)
class Split:
    """An inner node of a tree.

    Attributes:
        feature: Column that it looks at.
        threshold: What the column is compared with.
        missing: Whether a missing value goes where a true comparison goes.
        true: What follows a true comparison, as ``Forest.add`` takes it.
        false: What follows a false one.
    """

    feature: int
    threshold: float
    missing: bool
    true: Any
    false: Any


class Forest:
    """Trees in the form of ``TreeEnsemble``.

    Args:
        read: What a node of the library's own dump is: a split, or the number of a leaf.
    """

    def __init__(self, read: Callable[[Any], Split | float]) -> None:
        self._read = read
        self.roots: list[int] = []
        self.splits: list[Split] = []
        # Of each split: number after a true comparison, whether that is a leaf, and the same after a false one.
        self.ends: list[tuple[int, int, int, int]] = []
        self.leaves: list[float] = []

    def add(self, node: Any) -> None:
        """Add a tree by its first node."""
        self.roots.append(len(self.splits))
        found = self._read(node)
        # The form has no tree of a leaf alone.
        self._split(found if isinstance(found, Split) else Split(0, 0.0, False, node, node))

    def sum(self, nodes: Nodes, features: str, comparison: int, number: type[np.floating]) -> str:
        """Add the node that sums the trees up.

        Args:
            nodes: Of the graph.
            features: Value [n, features] of the type ``number``.
            comparison: How a feature is compared with a threshold.
            number: Type of thresholds, leaves and sums.

        Returns:
            Name of a value float64 [n].
        """
        true, true_leaf, false, false_leaf = (list(column) for column in zip(*self.ends, strict=True))
        summed = nodes.add(
            "TreeEnsemble",
            features,
            domain=DOMAIN,
            n_targets=1,
            aggregate_function=_SUM,
            tree_roots=self.roots,
            nodes_featureids=[split.feature for split in self.splits],
            nodes_modes=numpy_helper.from_array(np.full(len(self.splits), comparison, dtype=np.uint8)),
            nodes_splits=numpy_helper.from_array(np.array([split.threshold for split in self.splits], dtype=number)),
            nodes_missing_value_tracks_true=[int(split.missing) for split in self.splits],
            nodes_truenodeids=true,
            nodes_trueleafs=true_leaf,
            nodes_falsenodeids=false,
            nodes_falseleafs=false_leaf,
            leaf_targetids=[0] * len(self.leaves),
            leaf_weights=numpy_helper.from_array(np.array(self.leaves, dtype=number)),
        )
        return nodes.add("Cast", nodes.add("Squeeze", summed, np.array([1])), to=TensorProto.DOUBLE)

    def _split(self, split: Split) -> int:
        number = len(self.splits)
        self.splits.append(split)
        self.ends.append((0, 0, 0, 0))
        self.ends[number] = (*self._end(split.true), *self._end(split.false))
        return number

    def _end(self, node: Any) -> tuple[int, int]:
        found = self._read(node)
        if isinstance(found, Split):
            return self._split(found), 0
        self.leaves.append(found)
        return len(self.leaves) - 1, 1


def lightgbm_logs(nodes: Nodes, features: str, native: Path) -> str:
    """Log durations of a LightGBM model.

    They are made from the text: the numbers of LightGBM's ``dump_model`` end at 1e300, and a threshold can be infinite.

    Args:
        nodes: Of the graph.
        features: Value float64 [n, len(MODEL_FEATURES)].
        native: The model's native file.

    Returns:
        Name of a value float64 [n].

    Raises:
        NotExportableError: A split or a leaf is of a kind that the family does not train.
    """
    head, *blocks = native.read_text(encoding="utf-8").split("\nTree=")
    if "average_output" in head.splitlines():
        raise NotExportableError("the model averages its trees; train it with boosting gbdt")
    forest = Forest(_lightgbm_node)
    for block in blocks:
        tree = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if tree.get("is_linear") == "1":
            raise NotExportableError("the leaves of the model are linear models; train it without linear_tree")
        # A tree of a leaf alone has no node 0.
        forest.add(({name: values.split() for name, values in tree.items()}, 0 if tree["num_leaves"] != "1" else -1))
    return forest.sum(nodes, features, _AT_MOST, np.float64)


def _lightgbm_node(node: tuple[dict[str, list[str]], int]) -> Split | float:
    tree, number = node
    if number < 0:
        return float(tree["leaf_value"][~number])
    decision, threshold = int(tree["decision_type"][number]), float(tree["threshold"][number])
    missing = decision >> 2
    if decision & _CATEGORICAL:
        raise NotExportableError("the model has a categorical split; train it without categorical_feature")
    if missing == _MISSING_IS_ZERO:
        raise NotExportableError("the model takes zeros for missing; train it without zero_as_missing")
    # Where no value was missing in training, LightGBM takes a missing one for 0.
    goes = bool(decision & _DEFAULT_LEFT) if missing == _MISSING_IS_NAN else threshold >= 0
    ends = ((tree, int(tree[end][number])) for end in ("left_child", "right_child"))
    return Split(int(tree["split_feature"][number]), threshold, goes, *ends)


def xgboost_logs(nodes: Nodes, features: str, native: Path) -> str:
    """Log durations of an XGBoost model; as for ``lightgbm_logs``.

    XGBoost adds 32-bit numbers, beginning with the base score. Added in another order, or with 64 bits, the sum of some
    hundred trees differs by about 1e-5.
    """
    learner = json.loads(bytes(XgBoost.load(native).booster.save_raw("json")))["learner"]
    kind, objective = learner["gradient_booster"]["name"], learner["objective"]["name"]
    if (kind, objective) != ("gbtree", "reg:squarederror"):
        raise NotExportableError(f"the model is {kind} with {objective}; train gbtree with reg:squarederror")
    forest = Forest(_xgboost_node)
    # In brackets since XGBoost 3.1, which can have a base score for each target.
    forest.add(float(learner["learner_model_param"]["base_score"].strip("[]")))
    for tree in learner["gradient_booster"]["model"]["trees"]:
        if any(tree["split_type"]):
            raise NotExportableError("the model has a categorical split; train it without enable_categorical")
        forest.add((tree, 0))
    # Not Clip: what it makes of NaN is not the same on all processors.
    bounded = nodes.add("Min", nodes.add("Max", features, -LARGEST), LARGEST)
    return forest.sum(nodes, nodes.add("Cast", bounded, to=TensorProto.FLOAT), _LESS, np.float32)


def _xgboost_node(node: tuple[dict[str, Any], int] | float) -> Split | float:
    if not isinstance(node, tuple):
        return node
    tree, number = node
    left, threshold = tree["left_children"][number], tree["split_conditions"][number]
    # The threshold of a leaf is its value.
    if left < 0:
        return float(threshold)
    missing, feature = bool(tree["default_left"][number]), tree["split_indices"][number]
    return Split(feature, threshold, missing, (tree, left), (tree, tree["right_children"][number]))
