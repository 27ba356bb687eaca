"""A health probe with the client of grpcio-health-checking: `<target> check|watch|crowd <service>`.

A crowd is watches without end, until one of them is refused.

`target` is as `bridge.status()` has it; with certificates where SNAKEPIT_TLS_CA, _KEY and _CERT
name their files.
"""

import os
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def channel(target: str) -> grpc.Channel:
    if "SNAKEPIT_TLS_CA" not in os.environ:
        return grpc.insecure_channel(target, options=[("grpc.default_authority", "localhost")])
    files = (os.environ[f"SNAKEPIT_TLS_{name}"] for name in ("CA", "KEY", "CERT"))
    return grpc.secure_channel(
        target, grpc.ssl_channel_credentials(*(Path(file).read_bytes() for file in files))
    )


def main(target: str, method: str, service: str = "") -> None:
    stub = health_pb2_grpc.HealthStub(channel(target))
    request = health_pb2.HealthCheckRequest(service=service)
    try:
        if method == "check":
            show(stub.Check(request, timeout=20))
        elif method == "crowd":
            watches = []
            while len(watches) < 1_000:
                watches.append(stub.Watch(request))
                next(watches[-1])
        else:
            for answer in stub.Watch(request):
                show(answer)
            print("end")
    except grpc.RpcError as error:
        print(error.code().name, flush=True)


def show(answer: health_pb2.HealthCheckResponse) -> None:
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status), flush=True)


main(*sys.argv[1:])
