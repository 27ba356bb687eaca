"""A worker's stream by hand, from a client that pings far more often than gRPC thinks polite:
`<target> <token> <seconds>`. Prints the welcome's type, then how the stream stood after that time,
then the status with which it ended."""

import json
import sys
import time
from collections.abc import Iterator

import grpc
from snakepit_bridge.v1 import bridge_pb2, bridge_pb2_grpc

OPTIONS = [
    ("grpc.default_authority", "localhost"),
    ("grpc.keepalive_time_ms", 100),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]


def main(target: str, token: str, seconds: str) -> None:
    metadata = (
        ("snakepit-token", token),
        ("snakepit-worker-id", "w1"),
        ("snakepit-protocol", "1"),
    )
    stub = bridge_pb2_grpc.BridgeServiceStub(grpc.insecure_channel(target, options=OPTIONS))
    hello = {
        "type": "hello",
        "protocol": 1,
        "workerId": "w1",
        "token": token,
        "pid": 1,
        "codecs": ["json"],
        "concurrency": 1,
        "commands": "any",
    }

    def requests() -> Iterator[bridge_pb2.ConnectRequest]:
        frame = bridge_pb2.Frame(document=json.dumps(hello).encode())
        yield bridge_pb2.ConnectRequest(frame=frame)
        time.sleep(float(seconds))  # nothing but pings
        print("open" if stream.is_active() else "closed", flush=True)

    stream = stub.Connect(requests(), metadata=metadata)
    try:
        print(json.loads(next(stream).frame.document)["type"], flush=True)
        for _ in stream:
            pass
        print("OK", flush=True)
    except grpc.RpcError as error:
        print(f"{error.code().name} {error.details()}", flush=True)


main(*sys.argv[1:])
