"""Encoders as ONNX files, made on the spot."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_encoder(path, nodes, shape, constants, inputs=("x",)):
    """A graph from `x` to `features`; constants are arrays by name."""
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, path)
    return str(path)


def write_image_encoder(path):
    """Images `(b, 1, bands, frames)` to the mean of each band."""
    mean = helper.make_node("ReduceMean", ["x", "axes"], ["features"], keepdims=0)
    return write_encoder(path, [mean], ("b", 1, "c", "t"), {"axes": np.array([1, 3])})
