"""Initialises CUDA as it is imported, as a module does that keeps a model on a GPU."""

import torch  # type: ignore[import-not-found, unused-ignore]

from snakepit_bridge import command

ramp = torch.arange(6, dtype=torch.float32, device="cuda").reshape(2, 3)


@command("on-gpu")
def on_gpu() -> object:
    return ramp


@command("from-gpu")
def from_gpu(dtype: str) -> object:
    return ramp.T.to(getattr(torch, dtype)).cpu()


@command("doubled-on-gpu")
def doubled_on_gpu(value: torch.Tensor) -> object:
    return (value.cuda() * 2).cpu()
