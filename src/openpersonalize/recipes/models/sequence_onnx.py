"""The trained encoder as an ONNX graph, written node by node from its weights.

Inputs `x` [B, T, d] float32 and `last` [B] int64, the place of the last real event; output `h` [B, d], the state
there. Item vectors stay outside, so new items never need a new graph. Only the last state is asked for, so the last
block computes keys and values for every event but its query, output and feed-forward for one.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from openpersonalize.recipes.data import Floats

OPSET = 23
"""The first with RMS norm and rotary embedding as single nodes: 130 small nodes cost more than their arithmetic."""
IR_VERSION = 11
EPSILON = 1e-6
ROPE_BASE = 10_000.0


def graph(weights: Mapping[str, Floats], heads: int, window: int) -> bytes:
    """The serialised model; `weights` are the encoder's parameters by their names in torch."""
    width = weights["norm"].shape[0]
    layers = sum(name.endswith(".qkv") for name in weights)
    build = _Graph(weights, heads, width, window)
    x = build.shifted("x", "taps")
    for layer in range(layers - 1):
        x = build.block(x, f"blocks.{layer}.")
    h = build.rms(build.last_block(x, f"blocks.{layers - 1}."), "norm")
    build.nodes.append(helper.make_node("Identity", [h], ["h"]))
    made = helper.make_graph(
        build.nodes,
        "encoder",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", "T", width]),
            helper.make_tensor_value_info("last", TensorProto.INT64, ["B"]),
        ],
        [helper.make_tensor_value_info("h", TensorProto.FLOAT, ["B", width])],
        build.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


class _Graph:
    """Nodes and constants so far; each method adds some and returns the name of its result."""

    def __init__(self, weights: Mapping[str, Floats], heads: int, width: int, window: int) -> None:
        self.weights = weights
        self.heads = heads
        self.width = width
        self.head_width = width // heads
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        half = np.arange(0, self.head_width, 2, dtype=np.float32)
        frequencies = np.float32(ROPE_BASE) ** (-half / np.float32(self.head_width))
        angles = np.arange(window, dtype=np.float32)[:, None] * frequencies[None]
        length = self.op("Gather", self.op("Shape", "x"), self.constant(np.array([1])), axis=0)
        start, step = self.constant(np.array([0])), self.constant(np.array([1]))
        batch = self.op("Gather", self.op("Shape", "x"), self.constant(np.array([0])), axis=0)
        places = self.op(
            "Slice", self.constant(np.arange(window)[None]), start, length, self.constant(np.array([1])), step
        )
        self.places = self.op("Expand", places, self.op("Concat", batch, length, axis=0))
        self.cosine, self.sine = (self.constant(table.astype(np.float32)) for table in (np.cos(angles), np.sin(angles)))
        mask = np.triu(np.full((window, window), -np.inf, np.float32), 1)
        both, ones = self.constant(np.array([0, 1])), self.constant(np.array([1, 1]))
        ends = self.op("Concat", length, length, axis=0)
        self.mask = self.op("Slice", self.constant(mask), self.constant(np.array([0, 0])), ends, both, ones)

    def constant(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def product(self, x: str, matrix: Floats) -> str:
        return self.op("MatMul", x, self.constant(matrix.T))

    def split(self, x: str, parts: int) -> list[str]:
        """Equal parts of the last axis."""
        names = [f"n{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [x], names, axis=-1, num_outputs=parts))
        return names

    def shifted(self, x: str, taps: str) -> str:
        total = x
        for back, tap in enumerate(self.weights[taps], start=1):
            moved = self.op("Pad", x, self.constant(np.array([0, back, 0, 0, -back, 0])))
            total = self.op("Add", total, self.op("Mul", moved, self.constant(tap)))
        return total

    def rms(self, x: str, weight: str) -> str:
        return self.op("RMSNormalization", x, self.constant(self.weights[weight]), axis=-1, epsilon=EPSILON)

    def split_heads(self, x: str) -> str:
        """[B, T, d] to [B, H, T, d / H]."""
        parts = self.op("Reshape", x, self.constant(np.array([0, 0, self.heads, self.head_width])))
        return self.op("Transpose", parts, perm=[0, 2, 1, 3])

    def rotated(self, x: str, places: str) -> str:
        """Rotary positions of [B, T, d] at `places` [B, T]."""
        return self.op("RotaryEmbedding", x, self.cosine, self.sine, places, num_heads=self.heads)

    def attended(self, query: str, key: str, value: str, mask: str) -> str:
        scale = self.constant(np.float32(1 / math.sqrt(self.head_width)))
        alike = self.op("MatMul", self.op("Mul", query, scale), self.op("Transpose", key, perm=[0, 1, 3, 2]))
        return self.op("MatMul", self.op("Softmax", self.op("Add", alike, mask), axis=-1), value)

    def fed_forward(self, x: str, name: str) -> str:
        gate, content = self.split(self.product(self.rms(x, name + "norm2"), self.weights[name + "up"]), 2)
        active = self.op("Mul", self.op("Mul", gate, self.op("Sigmoid", gate)), content)
        return self.op("Add", x, self.product(active, self.weights[name + "down"]))

    def block(self, x: str, name: str) -> str:
        """A whole block, [B, T, d] to [B, T, d]."""
        y = self.shifted(self.rms(x, name + "norm1"), name + "taps")
        query, key, value = self.split(self.product(y, self.weights[name + "qkv"]), 3)
        query, key = (self.rotated(part, self.places) for part in (query, key))
        query, key, value = (self.split_heads(part) for part in (query, key, value))
        seen = self.op("Transpose", self.attended(query, key, value, self.mask), perm=[0, 2, 1, 3])
        flat = self.op("Reshape", seen, self.constant(np.array([0, 0, self.width])))
        return self.fed_forward(self.op("Add", x, self.product(flat, self.weights[name + "out"])), name)

    def last_block(self, x: str, name: str) -> str:
        """The block's result at `last` alone, [B, T, d] to [B, d]."""
        y = self.shifted(self.rms(x, name + "norm1"), name + "taps")
        matrix = self.weights[name + "qkv"]
        place = self.op("Unsqueeze", "last", self.constant(np.array([1])))
        x_last, y_last = (self.op("GatherND", part, place, batch_dims=1) for part in (x, y))
        one = self.op("Unsqueeze", self.product(y_last, matrix[: self.width]), self.constant(np.array([1])))
        query = self.split_heads(self.rotated(one, place))
        key, value = self.split(self.product(y, matrix[self.width :]), 2)
        key, value = self.split_heads(self.rotated(key, self.places)), self.split_heads(value)
        mask = self.op("Unsqueeze", self.op("Gather", self.mask, "last", axis=0), self.constant(np.array([1, 2])))
        seen = self.attended(query, key, value, mask)
        flat = self.op("Reshape", seen, self.constant(np.array([0, self.width])))
        return self.fed_forward(self.op("Add", x_last, self.product(flat, self.weights[name + "out"])), name)
