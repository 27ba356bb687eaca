"""Every worker of the tests is a real process, and every host a real socket."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_host import GrpcHost
from host import Connection, Host
from hypothesis import settings

# The values that the tests of both languages share.
sys.path.append(str(Path(__file__).parents[2] / "proto"))

# Time decides no test: a busy machine is no fault.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


@pytest.fixture(scope="module")
def shared() -> Iterator[Connection]:
    """One worker for tests that leave nothing behind."""
    with Host() as host, host.worker() as connection:
        yield connection


@pytest.fixture
def dialled(host: Host) -> Iterator[tuple[GrpcHost, subprocess.Popen[str]]]:
    """A host and a worker that dials it over gRPC."""
    target = f"unix:{Path(host.path).with_name('g')}"
    with GrpcHost(target) as grpc_host:
        env = {"SNAKEPIT_ADDRESS": f"grpc:{target}"}
        yield grpc_host, host.spawn(env=env, stderr=subprocess.PIPE)
