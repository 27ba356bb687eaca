"""The peers grpc-unary and grpc-server-stream: a plain grpcio server, threads, no batching."""

import sys
from collections.abc import Iterator
from concurrent import futures
from typing import Protocol

import grpc
import lifeline

CHUNK = "x" * 32


class AddRequest(Protocol):
    a: int
    b: int


class CountRequest(Protocol):
    chunks: int


def main(address: str, proto_folder: str) -> None:
    lifeline.hold()
    sys.path.insert(0, proto_folder)
    messages, services = grpc.protos_and_services("bench.proto")

    class Bench(services.BenchServicer):  # type: ignore[misc, name-defined]
        def Add(self, request: AddRequest, _context: grpc.ServicerContext) -> object:
            return messages.AddReply(sum=request.a + request.b)

        def Count(
            self, request: CountRequest, _context: grpc.ServicerContext
        ) -> Iterator[object]:
            for _ in range(request.chunks):
                yield messages.Chunk(text=CHUNK)

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    services.add_BenchServicer_to_server(Bench(), server)
    server.add_insecure_port(address)
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
