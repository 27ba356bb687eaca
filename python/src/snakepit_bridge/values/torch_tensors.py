"""Tensors of torch in the memory of the CPU, by way of NumPy. Imported only for a value of torch's.

They arrive as what any array does, and come back as NumPy arrays: `torch.from_numpy` is free.
"""

from typing import Any

from snakepit_bridge.values import kinds
from snakepit_bridge.values.arrays import array_form
from snakepit_bridge.values.forms import Former
from snakepit_bridge.values.kinds import Extension
from snakepit_bridge.values.refusals import UnsupportedError


def former_of(kind: type) -> Former | None:
    import torch  # type: ignore[import-not-found, unused-ignore]

    if kind in (torch.Tensor, torch.nn.Parameter):
        return _form
    return None


def _form(value: Any) -> Extension:  # noqa: ANN401 - torch has types only where it is installed
    import torch  # type: ignore[import-not-found, unused-ignore]

    if value.device.type != "cpu":
        raise UnsupportedError(f"is on the device {value.device}; send tensor.cpu()")
    if value.layout != torch.strided:
        raise UnsupportedError(f"has the layout {value.layout}; send tensor.to_dense()")
    if value.is_quantized:
        raise UnsupportedError("is quantized; send tensor.dequantize()")
    plain = value.detach().resolve_conj().resolve_neg()
    if plain.dtype != torch.bfloat16:
        return array_form(plain.numpy())
    # NumPy has no such type of its own: the same bits under another name.
    bits: Any = array_form(plain.contiguous().view(torch.int16).numpy()).content
    _, shape, data = bits
    return Extension(kinds.TENSOR, ["bfloat16", shape, data])
