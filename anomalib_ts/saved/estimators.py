"""scikit-learn's fitted estimators as plain data: their attributes, and trees node by node.

An estimator is made without its constructor and given its attributes back, so only classes that
are listed may be named: none of these can be made to read a file or to call what it was given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.errors import InputError
from anomalib_ts.saved.values import KINDS, Reader, Writer, path_of

ESTIMATORS = (
    "sklearn.ensemble._iforest.IsolationForest",
    "sklearn.tree._classes.ExtraTreeRegressor",
    "sklearn.decomposition._pca.PCA",
    "sklearn.cluster._kmeans.KMeans",
    "sklearn.covariance._empirical_covariance.EmpiricalCovariance",
    "sklearn.covariance._robust_covariance.MinCovDet",
    "sklearn.covariance._shrunk_covariance.LedoitWolf",
    "sklearn.linear_model._base.LinearRegression",
    "sklearn.linear_model._ridge.Ridge",
    "sklearn.preprocessing._data.StandardScaler",
)
"""Classes that a model file may name; add one together with a test of its round trip."""

_TREE = "sklearn.tree._tree.Tree"
_LEAF = -1
_Inner = Callable[[Any, str], Any]


def _is_estimator(value: Any) -> bool:
    return path_of(type(value)) in ESTIMATORS


def _write_estimator(value: Any, inner: _Inner, _: Writer) -> dict[str, Any]:
    return {"class": path_of(type(value)), "state": inner(dict(vars(value)), "")}


def _read_estimator(tree: dict[str, Any], value: Callable[[Any], Any], _: Reader) -> Any:
    path = str(tree["class"])
    if path not in ESTIMATORS:
        raise InputError(f"it holds a {path[:100]}, which a model file may not name")
    module, name = path.rsplit(".", 1)
    try:
        kind: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        raise InputError(f"it holds a {path}, which this scikit-learn does not have") from None
    state = value(tree["state"])
    if any(type(key) is not str or callable(getattr(kind, key, None)) for key in state):
        raise InputError(f"its {name} has attributes that are none")
    found = kind.__new__(kind)
    vars(found).update(state)
    return found


def _is_tree(value: Any) -> bool:
    return path_of(type(value)) == _TREE and _TREE.rpartition(".")[0] in sys.modules


def _write_tree(value: Any, inner: _Inner, _: Writer) -> dict[str, Any]:
    state = value.__getstate__()
    return {
        "features": int(value.n_features),
        "depth": int(state["max_depth"]),
        "nodes": inner(state["nodes"], ""),
        "values": inner(state["values"], ""),
    }


def _read_tree(tree: dict[str, Any], value: Callable[[Any], Any], _: Reader) -> Any:
    """A tree whose nodes lead somewhere: a child that is none would be looked for in memory."""
    from sklearn.tree._tree import NODE_DTYPE, Tree  # noqa: PLC0415

    given, values, features = value(tree["nodes"]), value(tree["values"]), int(tree["features"])
    if set(given.dtype.names or ()) != set(NODE_DTYPE.names):
        raise InputError(
            "its trees have other columns than those of this scikit-learn; fit it again, or load "
            "it with the version it was saved by"
        )
    nodes = np.zeros(len(given), NODE_DTYPE)
    for name in NODE_DTYPE.names:
        nodes[name] = given[name]
    _check_nodes(nodes, features)
    if values.shape != (len(nodes), 1, 1) or values.dtype != np.float64:
        raise InputError("a tree has values of a wrong shape")
    found = Tree(features, np.array([1], dtype=np.intp), 1)
    found.__setstate__(
        {
            "max_depth": int(tree["depth"]),
            "node_count": len(nodes),
            "nodes": nodes,
            "values": np.ascontiguousarray(values),
        }
    )
    return found


def _check_nodes(nodes: NDArray[Any], features: int) -> None:
    """Children come after their node, as scikit-learn numbers them, so that there is no circle."""
    count = len(nodes)
    if nodes.ndim != 1 or not 0 < count < 2**31 or not 0 < features < 2**31:
        raise InputError("a tree has no nodes")
    left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
    leaf = left == _LEAF
    at = np.arange(count)
    inside = (left > at) & (left < count) & (right > at) & (right < count)
    inside &= (feature >= 0) & (feature < features)
    if not (leaf | inside).all() or not (right[leaf] == _LEAF).all():
        raise InputError("a tree has a node that leads nowhere")


KINDS += [
    ("estimator", _is_estimator, _write_estimator, _read_estimator),
    ("tree", _is_tree, _write_tree, _read_tree),
]
