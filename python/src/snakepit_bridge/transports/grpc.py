"""Frames on one bidirectional gRPC stream: proto/snakepit_bridge/v1/bridge.proto."""

import contextlib
import os
import queue
import time
from collections.abc import Iterator
from pathlib import Path

import grpc

from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.transports import (
    Buffer,
    ConnectionLostError,
    Hail,
    PartSink,
    TurnedAwayError,
)
from snakepit_bridge.v1 import bridge_pb2, bridge_pb2_grpc
from snakepit_bridge.version import PROTOCOL

OPTIONS = [
    # Ours is checked per frame, against what the welcome says; gRPC's would end the connection.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
LOCAL_OPTIONS = [
    *OPTIONS,
    # A Unix socket has no name that an authority could be made of.
    ("grpc.default_authority", "localhost"),
    # A proxy from the environment must not see what stays on this machine.
    ("grpc.enable_http_proxy", 0),
]
# Names of files, as the host or whoever starts a worker on another machine has set them.
TLS_FILES = ("SNAKEPIT_TLS_CA", "SNAKEPIT_TLS_KEY", "SNAKEPIT_TLS_CERT")
# Frames between us and gRPC's own thread. When it is full, records gather in the outbox instead.
MOST_WAITING = 4
# With these a host says that it will not have this worker, now or later.
REFUSALS = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
)


class GrpcTransport:
    name = "grpc"
    # Several messages are on their way at once: see packages/grpc-bridge/src/grpc-transport.ts.
    part_frame_bytes = 256 * 1024

    def __init__(self, channel: grpc.Channel, hail: Hail) -> None:
        self._outgoing: queue.Queue[bridge_pb2.Frame | None] = queue.Queue(MOST_WAITING)
        self._has_ended = False
        self.parts: PartSink | None = None
        # Kept: the stream ends when its channel is collected.
        self._channel = channel
        stub = bridge_pb2_grpc.BridgeServiceStub(channel)
        metadata = (
            ("snakepit-token", hail.token),
            ("snakepit-worker-id", hail.worker_id),
            ("snakepit-protocol", str(PROTOCOL)),
        )
        self._incoming = iter(stub.Connect(self._requests(), metadata=metadata))

    @classmethod
    def dial(cls, target: str, hail: Hail) -> "GrpcTransport":
        return cls(grpc.insecure_channel(target, options=LOCAL_OPTIONS), hail)

    @classmethod
    def dial_encrypted(cls, target: str, hail: Hail) -> "GrpcTransport":
        """The host must show a certificate of its name that the CA has signed, before it is told
        the token. Raises `OSError` for a file that cannot be read."""
        files = [os.environ.get(name) for name in TLS_FILES]
        if not all(files):
            missing = [name for name, file in zip(TLS_FILES, files, strict=True) if not file]
            raise TurnedAwayError(f"{', '.join(missing)} is not set; {target} wants certificates")
        ca, key, cert = (Path(str(file)).read_bytes() for file in files)
        credentials = grpc.ssl_channel_credentials(ca, key, cert)
        return cls(grpc.secure_channel(target, credentials, options=OPTIONS), hail)

    def receive(self, limit: int) -> Buffer | None:
        try:
            frame = next(self._incoming).frame
            # A document is never empty, so the common case costs one look.
            while not (document := frame.document) and frame.HasField("part"):
                self._take_part(frame.part)
                frame = next(self._incoming).frame
        except StopIteration:
            return None
        except grpc.RpcError as error:
            status = f"the gRPC stream ended: {_status(error)}"
            if _code(error) in REFUSALS:
                raise TurnedAwayError(status) from error
            raise ConnectionLostError(status) from error
        if len(document) > limit:
            raise ProtocolError(
                f"a frame of {len(document):,} bytes; at most {limit:,} are allowed"
            )
        return document

    def _take_part(self, part: bridge_pb2.Part) -> None:
        if self.parts is None:
            raise ProtocolError("a part came before the handshake")
        data = part.bytes
        self.parts.place(part.call_id, part.number, part.part_bytes, len(data))[:] = data
        self.parts.filled(len(data))

    def send_part(self, call_id: int, number: int, length: int, chunk: memoryview) -> None:
        part = bridge_pb2.Part(
            call_id=call_id, number=number, part_bytes=length, bytes=bytes(chunk)
        )
        self._put(bridge_pb2.Frame(part=part))

    def send(self, document: Buffer) -> None:
        self._put(bridge_pb2.Frame(document=bytes(document)))
        # gRPC's thread takes it from here, and must get the interpreter's lock first: measured
        # for the first chunk of a busy stream, 0.45 ms with this pause and 1.15 ms without.
        time.sleep(0)

    def _put(self, frame: bridge_pb2.Frame) -> None:
        if self._has_ended:
            raise ConnectionLostError("the gRPC stream has ended")
        self._outgoing.put(frame)

    def hang_up(self) -> None:
        self._has_ended = True
        # Nobody takes these any more: makes room for a thread that waits for it.
        with contextlib.suppress(queue.Empty):
            while True:
                self._outgoing.get_nowait()
        with contextlib.suppress(queue.Full):
            self._outgoing.put_nowait(None)
        self._channel.close()

    def _requests(self) -> Iterator[bridge_pb2.ConnectRequest]:
        while (frame := self._outgoing.get()) is not None:
            yield bridge_pb2.ConnectRequest(frame=frame)


def _code(error: grpc.RpcError) -> grpc.StatusCode | None:
    code = getattr(error, "code", None)
    return code() if code else None


def _status(error: grpc.RpcError) -> str:
    code, details = _code(error), getattr(error, "details", None)
    return f"{code.name}: {details()}" if code and details else repr(error)
