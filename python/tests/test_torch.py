"""What is said of torch, with the real one."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy
import pytest
from host import ForkServer, Host, RemoteError, admit_forked, worker_env
from hypothesis import given, settings
from hypothesis import strategies as st
from real_torch import torch

from snakepit_bridge.arguments import check_for
from snakepit_bridge.codecs import MsgpackCodec
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.outgoing_parts import has_big_leaf
from snakepit_bridge.seeding import reseed
from snakepit_bridge.values.arrays import ITEM_BYTES
from snakepit_bridge.values.refusals import UnsupportedError
from snakepit_bridge.values.torch_tensors import tensor_form, tensor_of

codec = MsgpackCodec()


def echo(value: object) -> Any:  # noqa: ANN401
    """As the host would send back what it got."""
    (_, record) = codec.decode(codec.document(0, [codec.record([0, 1, value])]))
    return record[2]


def bits(tensor: Any) -> bytes:  # noqa: ANN401
    """Row by row. As bytes, since NaN equals nothing, and -0 too much."""
    if tensor.numel() == 0:
        return b""  # of those torch shows no bytes
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)


def arrives(tensor: Any) -> Any:  # noqa: ANN401
    """The array that it becomes, and that becomes the tensor again."""
    array = echo(tensor)
    plain = tensor.detach().resolve_conj().resolve_neg()
    assert isinstance(array, numpy.ndarray)
    assert str(tensor.dtype) == f"torch.{array.dtype.name}"
    assert array.shape == tuple(tensor.shape)
    assert array.tobytes() == bits(plain)
    back = tensor_of(array)
    assert type(back) is torch.Tensor
    assert (back.dtype, back.shape, bits(back)) == (plain.dtype, plain.shape, bits(plain))
    return array


def numbers(name: str, *shape: int) -> Any:  # noqa: ANN401
    """Every bit of them is used; for bool, which has only one, every other number is true."""
    count = int(numpy.prod(shape))
    if name == "bool":
        return (torch.arange(count) % 2 == 0).reshape(shape)
    raw = numpy.random.default_rng(7).bytes((count + 1) * ITEM_BYTES[name])
    # One more, as no tensor is made of no bytes.
    return torch.frombuffer(bytearray(raw), dtype=getattr(torch, name))[:count].reshape(shape)


@pytest.mark.parametrize("name", ITEM_BYTES)
def test_a_tensor_of_every_type_arrives_exactly_and_becomes_a_tensor_again(name: str) -> None:
    tensor = numbers(name, 4, 6, 5)
    for view in [
        tensor,
        tensor.permute(2, 0, 1),
        tensor[0].T,
        tensor[::2, 1:, ::3],
        tensor[1, 2, 3],
        tensor[:, :0],
        tensor[0, 0, 0].expand(2, 3),
        tensor.reshape(1, 4, 6, 5).to(memory_format=torch.channels_last),
    ]:
        arrives(view)


def test_every_type_of_torch_is_carried_or_refused_with_advice() -> None:
    dtypes = {it for it in vars(torch).values() if isinstance(it, torch.dtype)}
    names = {str(dtype).removeprefix("torch.") for dtype in dtypes}
    assert names >= set(ITEM_BYTES)
    for name in sorted(names - set(ITEM_BYTES)):
        with warnings.catch_warnings(action="ignore"):
            try:
                tensor = torch.empty(2, dtype=getattr(torch, name))
            except (RuntimeError, NotImplementedError):
                continue  # torch has no tensors of it
        with pytest.raises(BridgeError) as caught:
            codec.record([0, 1, tensor])
        assert caught.value.code == "SERIALIZATION"
        assert f"elements of type {name}" in str(caught.value) or "dequantize" in str(caught.value)


shapes = st.lists(st.integers(0, 4), max_size=5)


@settings(max_examples=100, derandomize=True)
@given(st.sampled_from(list(ITEM_BYTES)), shapes, st.randoms(use_true_random=False))
def test_a_tensor_of_any_shape_and_order_of_dimensions_arrives(
    name: str, shape: list[int], random: Random
) -> None:
    order = random.sample(range(len(shape)), len(shape))
    arrives(numbers(name, *shape).permute(order))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_a_view_of_conjugates_or_negatives_arrives_as_what_it_shows(dtype: str) -> None:
    tensor = torch.tensor([1 + 2j, -3j, 4], dtype=getattr(torch, dtype))
    assert tensor.conj().is_conj()
    assert arrives(tensor.conj()).tolist() == [1 - 2j, 3j, 4]
    assert tensor.conj().imag.is_neg()
    assert arrives(tensor.conj().imag).tolist() == [-2, 3, 0]


def test_what_gradients_flow_to_arrives_as_its_numbers() -> None:
    leaf = torch.ones(2, requires_grad=True)
    assert arrives(leaf).tolist() == [1, 1]
    assert arrives(leaf * 3).tolist() == [3, 3]
    assert arrives(torch.nn.Parameter(torch.ones(2))).tolist() == [1, 1]
    assert arrives(torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))).tolist() == [1, 1]
    with torch.inference_mode():
        inferred = torch.ones(2)
    assert arrives(inferred).tolist() == [1, 1]


def test_the_weights_of_a_model_arrive_by_their_names() -> None:
    model = torch.nn.Linear(2, 1)
    weights = echo(dict(model.state_dict()))
    assert list(weights) == ["weight", "bias"]
    assert weights["weight"].tolist() == model.weight.tolist()


class Labelled(torch.Tensor):  # type: ignore[misc, unused-ignore]
    pass


def released() -> Any:  # noqa: ANN401
    tensor = torch.ones(4)
    tensor.untyped_storage().resize_(0)
    return tensor


def escaped() -> Any:  # noqa: ANN401
    """What stands for a tensor while `vmap` runs."""
    seen: list[Any] = []

    def see(tensor: Any) -> Any:  # noqa: ANN401
        seen.append(tensor)
        return tensor

    torch.func.vmap(see)(torch.zeros(2, 2))
    return seen[0]


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: torch.ones(2, device="meta"), "send its shape"),
        (lambda: torch.eye(2).to_sparse(), "sparse_coo; send tensor.to_dense()"),
        (lambda: torch.eye(2).to_sparse_csr(), "sparse_csr; send tensor.to_dense()"),
        (
            lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
            "send tensor.dequantize()",
        ),
        (lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]), "tensor.unbind()"),
        (lambda: torch.ones(2, dtype=torch.complex32), "of type complex32"),
        (lambda: torch.ones(2).to(torch.float8_e5m2), "send tensor.to(…) one of bool, int8"),
        (released, "has had its storage released"),
        (escaped, "inside of torch.func"),
        (lambda: torch.ones(2).as_subclass(Labelled), "send x.as_subclass(torch.Tensor)"),
        (lambda: torch.ones(2).shape, "send tuple(x)"),
        (lambda: torch.float32, "send str(x)"),
        (lambda: torch.device("cpu"), "send str(x)"),
        (lambda: torch.nn.Linear(1, 1), "let python.unknownObjects decide"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_plain_array_is_refused_with_advice(
    make: Callable[[], object], advice: str
) -> None:
    value = make()
    with pytest.raises(BridgeError) as caught:
        codec.record([0, 1, [1, {"x": value}]])
    assert caught.value.code == "SERIALIZATION"
    assert caught.value.details["path"] == "value[1].x"
    assert advice in str(caught.value)
    assert echo([1, 2]) == [1, 2]


@pytest.mark.parametrize(
    ("make", "follow"),
    [
        (lambda: torch.eye(2).to_sparse(), lambda x: x.to_dense()),
        (
            lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
            lambda x: x.dequantize(),
        ),
        (lambda: torch.ones(2).as_subclass(Labelled), lambda x: x.as_subclass(torch.Tensor)),
        (lambda: torch.ones(2).to(torch.float8_e5m2), lambda x: x.to(torch.float16)),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_whoever_follows_the_advice_gets_through(
    make: Callable[[], Any], follow: Callable[[Any], Any]
) -> None:
    arrives(follow(make()))


def test_a_tensor_on_another_device_is_refused_with_the_way_to_the_cpu() -> None:
    # There is no such device where this runs; `on_a_gpu.py` is for where there is.
    elsewhere = SimpleNamespace(device=torch.device("cuda", 1))
    with pytest.raises(UnsupportedError, match=r"is on the device cuda:1; send tensor\.cpu\(\)"):
        tensor_form(elsewhere)


def test_a_big_tensor_is_found_before_anything_is_packed() -> None:
    for tensor in [torch.zeros(1).expand(3 << 30), torch.nn.Parameter(torch.zeros(65_536))]:
        assert has_big_leaf({"a": [tensor]})
    assert not has_big_leaf(torch.zeros(65_535))
    assert not has_big_leaf(torch.zeros(2, 2).to_sparse())


@pytest.mark.parametrize("name", ITEM_BYTES)
def test_an_array_is_the_tensor_that_a_parameter_asks_for_in_the_same_memory(name: str) -> None:
    array = echo(numbers(name, 2, 3))
    tensor = check_for(torch.Tensor)(array, "a")  # type: ignore[misc]
    assert str(tensor.dtype) == f"torch.{name}"
    assert tensor.shape == (2, 3)
    tensor.zero_()
    assert not array.any()


def test_tensors_inside_of_lists_dicts_and_unions_are_made_too() -> None:
    one = numpy.ones(2, "float32")
    check: Any = check_for(dict[str, list[torch.Tensor | None]])
    made = check({"a": [one, None]}, "a")
    assert type(made["a"][0]) is torch.Tensor
    assert made["a"][1] is None
    ready = torch.ones(1)
    assert check_for(torch.Tensor)(ready, "a") is ready  # type: ignore[misc]
    either: Any = check_for(torch.Tensor | str)
    assert type(either(one, "a")) is torch.Tensor
    assert either("x", "a") == "x"


@pytest.mark.parametrize(
    ("value", "got"), [([1.0, 2.0], "list"), (1.5, "float"), (b"1234", "bytes"), (None, "None")]
)
def test_what_is_no_array_is_refused_where_a_tensor_is_asked_for(value: object, got: str) -> None:
    with pytest.raises(BridgeError, match=rf"^a\[3\] must be torch\.Tensor, not {got}$") as caught:
        check_for(torch.Tensor)(value, "a[3]")  # type: ignore[misc]
    assert caught.value.code == "INVALID_ARGUMENT"


def test_bfloat16_becomes_an_array_of_the_same_bits() -> None:
    tensor = torch.tensor([1.0, -0.0, float("inf"), 3.140625], dtype=torch.bfloat16)
    array = arrives(tensor)
    assert array.dtype == ml_dtypes.bfloat16
    assert array.astype("float32").tolist() == tensor.tolist()


def test_the_seed_of_a_worker_is_the_one_of_torch() -> None:
    try:
        reseed(77)
        assert torch.rand(3).tolist() == torch.rand(3, generator=seeded(77)).tolist()
        reseed(None)
        first = torch.initial_seed()
        reseed(None)
        assert torch.initial_seed() != first
    finally:
        del os.environ["SNAKEPIT_SEED"]


def seeded(seed: int) -> Any:  # noqa: ANN401
    return torch.Generator().manual_seed(seed)


def test_workers_with_torch_are_forked_with_their_threads_and_their_own_numbers(host: Host) -> None:
    limits = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    with ForkServer(preload="torch,commands_with_torch", **limits) as server:
        assert server.event()["forkable"] is True
        drawn = []
        for number, seed in enumerate([5, 5, None, None]):
            server.fork(host, f"w{number}", seed=seed)
            _, connection = admit_forked(host)
            assert connection.call("threads") == 2
            drawn.append(connection.call("draw"))
    assert drawn[0] == drawn[1] == torch.rand(4, generator=seeded(5)).tolist()
    assert drawn[2] != drawn[3]


def test_a_command_gets_a_tensor_where_it_says_so_and_an_array_elsewhere(host: Host) -> None:
    with host.worker(SNAKEPIT_PRELOAD="commands_with_torch") as connection:
        ones = numpy.ones(2, "float16")
        (_, _, packed) = codec.decode(codec.record([0, 1, {"value": ones}]))
        assert isinstance(packed["value"], numpy.ndarray)
        connection.write_frame(codec.document(0, [codec.record([0, 1, "dtype", {"value": ones}])]))
        assert connection.answer_to(1)[2] == "torch.float16"
        connection.write_frame(
            codec.document(0, [codec.record([0, 2, "has-numpy-array", {"value": ones}])])
        )
        assert connection.answer_to(2)[2] is True
        assert connection.call("dtype", {}, call_id=3) == "None"
        with pytest.raises(RemoteError, match=r"value must be torch\.Tensor, not list"):
            connection.call("dtype", {"value": [1.0]}, call_id=4)


def test_a_preload_that_has_asked_for_cuda_devices_is_named_and_nothing_is_forked(
    tmp_path: Path,
) -> None:
    # On a machine with CUDA this is what `torch.cuda.is_available()` leaves behind.
    (tmp_path / "asks.py").write_text(
        "import os, torch\nown = os.getpid()\n"
        "torch.cuda._is_in_bad_fork = lambda: os.getpid() != own"
    )
    path = os.pathsep.join([str(tmp_path), worker_env()["PYTHONPATH"]])
    with ForkServer(preload="torch,asks", PYTHONPATH=path) as server:
        ready = server.event()
    assert ready["forkable"] is False
    assert ready["reason"] == (
        "importing asks asked for CUDA devices, so that no child could use them"
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_work_at_import_is_no_hindrance_to_a_fork_unless_it_starts_threads(
    host: Host, tmp_path: Path, threads: int
) -> None:
    (tmp_path / "works.py").write_text(WORKS)
    path = os.pathsep.join([str(tmp_path), worker_env()["PYTHONPATH"]])
    limits = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
    with ForkServer(preload="torch,works", PYTHONPATH=path, **limits) as server:
        ready = server.event()
        if threads > 1:
            assert ready["reason"].startswith("importing works left ")
            return
        assert ready["forkable"] is True
        server.fork(host, "w1")
        _, connection = admit_forked(host)
        assert connection.call("work") == [200_000.0, True]


# Of the kinds that libraries below torch do with threads: sums, products of matrices, gradients.
WORKS = """
import torch
from snakepit_bridge import command

@command("work")
def work() -> list[object]:
    x = torch.ones(100_000, requires_grad=True)
    (x * x).sum().backward()
    square = torch.ones(300, 300)
    return [x.grad.sum().item(), (square @ square).sum().item() == 300.0**3]

work()
"""
