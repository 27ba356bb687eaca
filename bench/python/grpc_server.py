"""The gRPC peers: a plain grpcio server with threads.

One message for each call, chunk, array or check; `Batches` is the peer bare-grpc-stream, the same
records as in `bare_records.py` with a gRPC message for a frame.
"""

import sys
from collections.abc import Iterator
from concurrent import futures
from typing import Protocol

import bare_records
import grpc
import lifeline

MOST_BYTES = 128 * 1024 * 1024
CHUNK = "x" * 32


class AddRequest(Protocol):
    a: int
    b: int


class CountRequest(Protocol):
    chunks: int


class Frame(Protocol):
    document: bytes


def main(address: str, proto_folder: str) -> None:
    lifeline.hold()
    sys.path.insert(0, proto_folder)
    messages, services = grpc.protos_and_services("bench.proto")

    class Bench(services.BenchServicer):  # type: ignore[misc, name-defined]
        def Add(self, request: AddRequest, _context: grpc.ServicerContext) -> object:
            return messages.AddReply(sum=request.a + request.b)

        def Count(self, request: CountRequest, _context: grpc.ServicerContext) -> Iterator[object]:
            for _ in range(request.chunks):
                yield messages.Chunk(text=CHUNK)

        def Echo(self, request: object, _context: grpc.ServicerContext) -> object:
            return request

        def Check(self, _request: object, _context: grpc.ServicerContext) -> object:
            return messages.CheckReply(status=messages.CheckReply.SERVING)

        def Batches(
            self, frames: Iterator[Frame], _context: grpc.ServicerContext
        ) -> Iterator[object]:
            for frame in frames:
                for document in bare_records.answers(frame.document):
                    yield messages.Frame(document=document)

    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16),
        options=[
            ("grpc.max_receive_message_length", MOST_BYTES),
            ("grpc.max_send_message_length", MOST_BYTES),
        ],
    )
    services.add_BenchServicer_to_server(Bench(), server)
    server.add_insecure_port(address)
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
