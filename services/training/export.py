"""Writes a network as an ONNX file that says everything a runner needs and nothing of where it was made."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

OPSET = 18


def export(graph: nn.Module, example: torch.Tensor, input_name: str, outputs: list[str], path: Path) -> None:
    """Writes the graph, its first dimension free."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [input_name, *outputs]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.eval().to(memory_format=torch.contiguous_format),
            (example,),
            path,
            input_names=[input_name],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    model.producer_version = ""
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
