"""Tensors of torch in the memory of the CPU, by way of NumPy. Imported only for a value of torch's,
or a parameter that is annotated with `torch.Tensor`.

They arrive as what any array does, and come back as NumPy arrays, or as tensors where a command
says so. Neither copies the numbers.
"""

from typing import Any

from snakepit_bridge.values import kinds
from snakepit_bridge.values.arrays import ITEM_BYTES, array_form
from snakepit_bridge.values.binary import announce, tensor_bytes
from snakepit_bridge.values.forms import Former
from snakepit_bridge.values.kinds import Extension
from snakepit_bridge.values.refusals import UnsupportedError


def former_of(kind: type) -> Former | None:
    import torch  # type: ignore[import-not-found, unused-ignore]

    # Exactly: what a subclass adds would be lost.
    if kind in (torch.Tensor, torch.nn.Parameter):
        return tensor_form
    return None


def tensor_form(value: Any) -> Extension:  # noqa: ANN401 - torch has types only where it is installed
    import torch  # type: ignore[import-not-found, unused-ignore]

    _refuse_others(value)
    # Before a view is resolved that stands for more than there is in memory.
    announce(tensor_bytes(value))
    try:
        # In place of released memory NumPy would take some that is full of what was there before.
        if value.numel() > 0 and value.untyped_storage().nbytes() == 0:
            raise UnsupportedError("has had its storage released; send it before that")
        plain = value.detach().resolve_conj().resolve_neg()
        # NumPy has no such type of its own: the same bits under another name.
        is_bfloat16 = plain.dtype == torch.bfloat16
        array = (plain.view(torch.int16) if is_bfloat16 else plain).numpy()
    except RuntimeError:  # of what `torch.func` and forward gradients put in a tensor's place
        raise UnsupportedError(
            "stands for a tensor inside of torch.func; send its result"
        ) from None
    if not is_bfloat16:
        return array_form(array)
    content: Any = array_form(array).content
    return Extension(kinds.TENSOR, ["bfloat16", *content[1:]])


def _refuse_others(value: Any) -> None:  # noqa: ANN401 - as above
    """Raises `UnsupportedError` for what is no plain array in the memory of the CPU."""
    import torch  # type: ignore[import-not-found, unused-ignore]

    if value.device.type == "meta":
        raise UnsupportedError("is on the device meta, which holds no numbers; send its shape")
    if value.device.type != "cpu":
        raise UnsupportedError(f"is on the device {value.device}; send tensor.cpu()")
    if value.is_nested:
        raise UnsupportedError("is nested; send list(tensor.unbind())")
    if value.layout != torch.strided:
        raise UnsupportedError(f"has the layout {value.layout}; send tensor.to_dense()")
    if value.is_quantized:
        raise UnsupportedError("is quantized; send tensor.dequantize()")
    name = str(value.dtype).removeprefix("torch.")
    if name not in ITEM_BYTES:
        raise UnsupportedError(
            f"holds elements of type {name}, which have no place in a Tensor; "
            f"send tensor.to(…) one of {', '.join(ITEM_BYTES)}"
        )


def tensor_of(value: object) -> object:
    """A tensor over the memory of an array that came from the host; a tensor as it is. None for
    anything else."""
    import numpy
    import torch  # type: ignore[import-not-found, unused-ignore]

    if isinstance(value, torch.Tensor):
        return value
    if not isinstance(value, numpy.ndarray):
        return None
    if value.dtype.name == "bfloat16":
        return torch.from_numpy(value.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(value)
