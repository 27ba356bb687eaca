"""Torch with a real GPU. No machine of continuous integration has one; by hand, where there is one:

    PYTHONPATH=src python -m pytest --noconftest -rs tests/on_a_gpu.py

which needs pytest, numpy, ormsgpack and a torch with CUDA, and nothing else.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from host import Connection, ForkServer, Host, RemoteError, admit_forked, worker_env

from snakepit_bridge.codecs import MsgpackCodec

torch = pytest.importorskip("torch", reason="torch is missing; torch_environment.py installs it")
if not torch.cuda.is_available():
    pytest.skip("this machine has no GPU of CUDA", allow_module_level=True)
codec = MsgpackCodec()
# The first use of CUDA on a machine takes longer than the hosts of other tests wait.
PATIENCE_SECONDS = 120.0


@pytest.fixture
def spawned() -> Iterator[Connection]:
    """A worker of its own that has CUDA initialised."""
    with Host() as host:
        host.listener.settimeout(PATIENCE_SECONDS)
        host.spawn(env={"SNAKEPIT_PRELOAD": "commands_with_cuda"})
        connection = host.admit()
        connection.socket.settimeout(PATIENCE_SECONDS)
        yield connection


def call(connection: Connection, command: str, args: Any) -> Any:  # noqa: ANN401
    """As `Connection.call`, with values of every kind."""
    connection.write_frame(codec.document(0, [codec.record([0, 1, command, args])]))
    document = connection.read_frame()
    assert document is not None
    while not (answers := [it for it in codec.decode(document)[1:] if it[0] in (0, 1)]):
        document = connection.read_frame()
        assert document is not None
    kind, _, value = answers[0]
    if kind == 1:
        raise RemoteError(value)
    return value


def test_a_tensor_on_a_gpu_is_refused_with_the_way_to_the_cpu(spawned: Connection) -> None:
    with pytest.raises(RemoteError) as caught:
        call(spawned, "on-gpu", {})
    assert caught.value.code == "SERIALIZATION"
    assert "is on the device cuda:0; send tensor.cpu()" in str(caught.value)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "complex64", "bool"])
def test_what_has_come_from_a_gpu_arrives_exactly(spawned: Connection, dtype: str) -> None:
    array = call(spawned, "from-gpu", {"dtype": dtype})
    expected = numpy.arange(6, dtype="float32").reshape(2, 3).T.astype(dtype)
    assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
    assert array.tolist() == expected.tolist()


def test_what_the_host_sends_goes_to_a_gpu_and_comes_back(spawned: Connection) -> None:
    value = numpy.arange(4, dtype="float64").reshape(2, 2)
    assert call(spawned, "doubled-on-gpu", {"value": value}).tolist() == (value * 2).tolist()


def preloaded(tmp_path: Path, source: str) -> dict[str, Any]:
    """What the fork server says after it has imported this."""
    (tmp_path / "preloaded.py").write_text(source)
    path = os.pathsep.join([str(tmp_path), worker_env()["PYTHONPATH"]])
    with ForkServer(preload="torch,preloaded", PYTHONPATH=path) as server:
        return patient_event(server)


def patient_event(server: ForkServer) -> dict[str, Any]:
    assert server._selector.select(PATIENCE_SECONDS), "the fork server says nothing"
    return server.event()


def test_a_preload_that_initialises_cuda_is_named_and_nothing_is_forked(tmp_path: Path) -> None:
    ready = preloaded(tmp_path, "import torch\nit = torch.zeros(1, device='cuda')")
    assert ready["forkable"] is False
    assert ready["reason"] == "importing preloaded initialised CUDA"


def test_a_preload_that_asks_whether_there_is_cuda_is_named_and_nothing_is_forked(
    tmp_path: Path,
) -> None:
    ready = preloaded(tmp_path, "import torch\nit = torch.cuda.is_available()")
    assert ready["forkable"] is False
    # By the threads that it has left, if the driver starts some for the question.
    assert ready["reason"].startswith("importing preloaded ")


def test_a_forked_worker_may_use_cuda_if_the_preload_has_not(tmp_path: Path) -> None:
    (tmp_path / "careful.py").write_text(
        "import torch\nfrom snakepit_bridge import command\n"
        "@command('total')\n"
        "def total() -> float:\n"
        "    return torch.ones(5, device='cuda').sum().item()\n"
    )
    path = os.pathsep.join([str(tmp_path), worker_env()["PYTHONPATH"]])
    with Host() as host, ForkServer(preload="torch,careful", PYTHONPATH=path) as server:
        host.listener.settimeout(PATIENCE_SECONDS)
        assert patient_event(server)["forkable"] is True
        for worker_id in ("w1", "w2"):
            server.fork(host, worker_id)
            _, connection = admit_forked(host)
            connection.socket.settimeout(PATIENCE_SECONDS)
            assert call(connection, "total", {}) == 5.0
