"""Torch, for the tests that need the real one. Others are told why they are skipped (`-rs`)."""

import os

import pytest

# Where a Python was chosen for its torch, the lack of it is a fault.
if "SNAKEPIT_TORCH_PYTHON" not in os.environ:
    pytest.importorskip("torch", reason="torch is missing; torch_environment.py installs it")

import torch  # type: ignore[import-not-found, unused-ignore]

__all__ = ["torch"]
