"""A function of torch code becomes a graph of operators that a page can run: JSON, and a file of numbers beside it.

Shapes are those of the example inputs; branches go the way the example went; numbers that Python holds are constants.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from teachkit.errors import UserError

# What a page holds a tensor in: whole numbers there are indices and counts, far below 2^31.
DTYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.int64: "int32",
    torch.int32: "int32",
    torch.bool: "uint8",
}
ARRAYS = {"float32": "<f4", "float64": "<f8", "int32": "<i4", "uint8": "u1"}
CHECKS = ("aten._assert_async.msg", "aten._assert_async.default")  # of the inputs: whoever fills them has to check them
NOT_HERE = (torch.layout, torch.device, torch.memory_format)  # a page has one device, and everything is contiguous

Tensors = dict[str, Tensor]


class Program:
    """Graphs over one set of named tensors, which they read, change in place, and write at their end.

    tensors: their first values; what a graph gives begins with zeros.
    """

    def __init__(self) -> None:
        self.graphs: dict[str, dict[str, Any]] = {}
        self.tensors: Tensors = {}

    def trace(self, name: str, function: Callable[[], Tensors], inputs: Tensors) -> None:
        """Adds the graph of what function() does with the inputs: with these very tensors, which it may change.

        UserError if a tensor is known by another shape or dtype, or something in the graph cannot be written.
        """
        for known, tensor in inputs.items():
            self._declare(known, tensor)
        outputs: list[str] = []

        def traced(_: list[Tensor]) -> list[Tensor]:
            results = function()
            outputs[:] = results
            return list(results.values())

        module = make_fx(traced)(list(inputs.values()))
        module.graph.eliminate_dead_code()
        self.graphs[name] = self._written(module, list(inputs), outputs)

    def _declare(self, name: str, tensor: Tensor) -> str:
        if tensor.dtype not in DTYPES:
            raise UserError(
                f"{name} is {tensor.dtype}, which a page does not know: it has {', '.join(map(str, DTYPES))}"
            )
        known = self.tensors.setdefault(name, tensor.detach().clone())
        if (known.shape, known.dtype) != (tensor.shape, tensor.dtype):
            raise UserError(f"{name} is {known.dtype} {list(known.shape)} and {tensor.dtype} {list(tensor.shape)}")
        return name

    def _written(self, module: fx.GraphModule, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
        """values: dtype and shape of each; nodes: operator, arguments, values; inputs, outputs: tensor → value."""
        graph = Written()
        named = iter(inputs)
        for node in module.graph.nodes:
            if node.op == "placeholder":
                name = next(named)
                graph.inputs[name] = graph.places[node] = graph.value(self.tensors[name])
            elif node.op == "get_attr":
                constant = getattr(module, node.target)
                name = self._declare(f"constant.{len(self.tensors)}", constant)
                graph.inputs[name] = graph.places[node] = graph.value(constant)
            elif node.op == "output":
                for name, one in zip(outputs, node.args[0], strict=True):
                    like = one.meta["val"]
                    self._declare(name, torch.zeros(like.shape, dtype=like.dtype))
                    graph.outputs[name] = graph.places[one]
            elif str(node.target) not in CHECKS and getattr(node.target, "namespace", "") != "profiler":
                graph.add(node)
        return {name: getattr(graph, name) for name in ("values", "nodes", "inputs", "outputs")}

    def content(self) -> tuple[dict[str, Any], bytes]:
        """The graphs and where each tensor's values lie (null: all are 0), and these values."""
        tensors, pieces, at = {}, [], 0
        for name, tensor in self.tensors.items():
            dtype, something = DTYPES[tensor.dtype], bool(tensor.any())
            tensors[name] = [dtype, list(tensor.shape), at if something else None]
            if something:
                piece = tensor.contiguous().numpy().astype(ARRAYS[dtype]).tobytes()
                pieces.append(piece + b"\0" * (-len(piece) % 8))
                at += len(pieces[-1])
        return {"tensors": tensors, "graphs": self.graphs}, b"".join(pieces)

    def write(self, path: Path) -> None:
        """path.json and path.bin: the two parts of `content`."""
        content, numbers = self.content()
        write_json(path.with_suffix(".json"), content)
        path.with_suffix(".bin").write_bytes(numbers)


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


class Written:
    """A graph as it is written. The argument "%3" stands for value 3; a number that JSON has not is its name."""

    def __init__(self) -> None:
        self.values: list[list[Any]] = []
        self.nodes: list[list[Any]] = []
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self.places: dict[Any, Any] = {}

    def value(self, tensor: Tensor | None) -> int | None:
        if tensor is None:  # such as a gradient that nobody wants
            return None
        self.values.append([DTYPES[tensor.dtype], list(tensor.shape)])
        return len(self.values) - 1

    def add(self, node: fx.Node) -> None:
        if not isinstance(node.target, torch._ops.OpOverload):  # getitem: one of the tensors that another node gives
            self.places[node] = self.places[node.args[0]][node.args[1]]
            return
        results = node.meta.get("val")  # none of an operator that only changes its arguments
        single = isinstance(results, Tensor)
        places = [self.value(one) for one in ([results] if single else results or [])]
        self.places[node] = places[0] if single else places
        rest = node.target._schema.arguments[len(node.args) :]
        arguments = [*node.args, *(node.kwargs.get(one.name, one.default_value) for one in rest)]
        self.nodes.append([str(node.target), [self.argument(one) for one in arguments], places])

    def argument(self, value: Any) -> Any:
        if isinstance(value, fx.Node):
            return f"%{self.places[value]}"
        if isinstance(value, list | tuple):
            return [self.argument(one) for one in value]
        if isinstance(value, torch.dtype):
            return DTYPES[value]
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, NOT_HERE):
            return None
        raise UserError(f"a page cannot be told what {value!r} is")
