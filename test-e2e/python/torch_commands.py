"""Commands over torch, as a user would write them."""

import os
import time
from pathlib import Path
from typing import Any

import numpy
import torch

from snakepit_bridge import Context, command


def network() -> torch.nn.Sequential:
    """Of the same weights wherever it is made, and in no need of random numbers."""
    layers = torch.nn.Sequential(
        torch.nn.Linear(64, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 8),
        torch.nn.Softmax(dim=1),
    )
    with torch.no_grad():
        for parameter in layers.parameters():
            ramp = torch.arange(parameter.numel(), dtype=torch.float32)
            parameter.copy_((ramp % 17 - 8).reshape(parameter.shape) / 64)
    return layers.eval()


# Made before the fork, and shared by all workers.
model = network()


def numbers(dtype: str, count: int) -> torch.Tensor:
    """0, 1, 2, … as this type has them."""
    return (torch.arange(count) % 2 if dtype == "bool" else torch.arange(count)).to(
        getattr(torch, dtype)
    )


@command("torch.ramp")
def ramp(dtype: str, shape: list[int]) -> torch.Tensor:
    return numbers(dtype, torch.Size(shape).numel()).reshape(shape)


@command("torch.is_ramp")
def is_ramp(value: torch.Tensor, dtype: str, shape: list[int]) -> bool:
    expected = ramp(dtype, shape)
    return value.dtype == expected.dtype and torch.equal(value, expected)


@command("torch.is_ramp_by_hand")
def is_ramp_by_hand(value: Any, dtype: str, shape: list[int]) -> bool:  # noqa: ANN401
    """What a command without the annotation gets is an array."""
    if not isinstance(value, numpy.ndarray):
        return False
    tensor = (
        torch.from_numpy(value)
        if dtype != "bfloat16"
        else torch.from_numpy(value.view("int16")).view(torch.bfloat16)
    )
    return is_ramp(tensor, dtype, shape)


@command("torch.views")
def views() -> dict[str, torch.Tensor]:
    square = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    turned = torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex64).conj()
    return {
        "transposed": square.T,
        "strided": square[:, ::2],
        "expanded": torch.tensor([7], dtype=torch.int32).expand(2, 2),
        "single": torch.tensor(1.5, dtype=torch.float64),
        "empty": torch.empty(0, 3, dtype=torch.bfloat16),
        "conjugate": turned,
        "negative": turned.imag,
        "gradient": torch.ones(2, requires_grad=True) * 3,
        "parameter": torch.nn.Parameter(torch.ones(1)),
    }


@command("torch.odd")
def odd(kind: str) -> Any:  # noqa: ANN401
    """Of no form on the wire."""
    if kind == "sparse":
        return torch.eye(2).to_sparse()
    if kind == "quantized":
        return torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    if kind == "meta":
        return torch.ones(2, device="meta")
    if kind == "subclass":
        return torch.ones(2).as_subclass(type("Labelled", (torch.Tensor,), {}))
    # Of 3 and of 1.5 GiB, in a few bytes of memory.
    endless = torch.zeros(1).expand(3 << 28)
    return {
        "endless": endless,
        "bfloat16": torch.zeros(1, dtype=torch.bfloat16).expand(3 << 28),
    }[kind]


@command("torch.infer")
def infer(batch: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model(batch)


@command("torch.infer_together")
def infer_together(batch: torch.Tensor, folder: str, count: int) -> dict[str, Any]:
    """Waits until so many processes have come here."""
    Path(folder, str(os.getpid())).write_text("")
    while len(os.listdir(folder)) < count:
        time.sleep(0.001)
    return {
        "pid": os.getpid(),
        "threads": torch.get_num_threads(),
        "answer": infer(batch),
    }


@command("torch.double")
def double(value: torch.Tensor) -> torch.Tensor:
    return value.mul_(2)


@command("torch.draw")
def draw() -> list[float]:
    return torch.rand(4).tolist()


@command("torch.make_model")
def make_model() -> Any:  # noqa: ANN401
    return network()


@command("torch.run_model")
def run_model(it: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return it(batch)


@command("torch.train")
def train(ctx: Context, mark: str) -> None:
    """Takes steps of gradient descent until the caller has gone."""
    own = network()
    batch = torch.ones(32, 64)
    Path(f"{mark}.began").write_text("")
    try:
        while True:
            ctx.check_cancelled()
            gradients = torch.autograd.grad(own(batch).square().sum(), own.parameters())
            with torch.no_grad():
                for parameter, gradient in zip(own.parameters(), gradients, strict=True):
                    parameter.sub_(gradient, alpha=1e-3)
    finally:
        Path(mark).write_text("ended")
