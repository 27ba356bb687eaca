"""What carries frames between a worker and its host."""

from dataclasses import dataclass
from typing import Protocol

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Hail:
    """What a transport with words of its own says before the first frame. `token` is a secret."""

    worker_id: str
    token: str


class ConnectionLostError(OSError):
    """The connection has ended, and nobody has said goodbye."""


class TurnedAwayError(Exception):
    """The host will not have this worker, and dialling again would not change that."""


class NoTransportError(Exception):
    """This Python lacks what the transport needs. The message says what to do."""


class PartSink(Protocol):
    """Where the parts of big values go; see `incoming_parts.py`."""

    def place(self, call_id: int, number: int, length: int, count: int) -> memoryview:
        """Raises `ProtocolError`."""

    def filled(self, count: int) -> None:
        """Raises `ProtocolError`."""


class Transport(Protocol):
    # None until the handshake is over: a part is a fault before it.
    parts: PartSink | None

    @property
    def part_frame_bytes(self) -> int:
        """Bytes of a part in one frame, at most 1 MiB: small frames wait behind that many."""

    def receive(self, limit: int) -> Buffer | None:
        """The next document; parts that come before it go to `parts`. None when the host has hung
        up. Called by one thread.

        Raises `ProtocolError` for one longer than `limit` bytes, and where the transport can tell
        them from a host that hangs up: `ConnectionLostError`, `TurnedAwayError`.
        """

    def send(self, document: Buffer) -> None:
        """May block while the host does not read. One thread at a time. Raises `OSError`."""

    def send_part(self, call_id: int, number: int, length: int, chunk: memoryview) -> None:
        """As `send`, for the next bytes of a part that has `length` in all."""

    def hang_up(self) -> None:
        """Ends it at once, for all threads that send or receive."""


def dial(address: str, hail: Hail) -> Transport:
    """`unix:<path>`; `grpc:<target>` as gRPC names it, for example `grpc:unix:<path>`; or
    `grpcs:<host>:<port>` for gRPC with certificates on both sides."""
    scheme, _, rest = address.partition(":")
    if scheme == "unix":
        from snakepit_bridge.transports.socket import SocketTransport

        return SocketTransport.dial(rest)
    if scheme in ("grpc", "grpcs"):
        try:
            # Here, because grpc takes 0.1 s to import and most workers never need it.
            from snakepit_bridge.transports.grpc import GrpcTransport
        except ImportError as error:
            if (error.name or "").partition(".")[0] not in ("grpc", "google"):
                raise
            raise NoTransportError(_needs_grpc(error)) from None

        if scheme == "grpc":
            return GrpcTransport.dial(rest, hail)
        return GrpcTransport.dial_encrypted(rest, hail)
    raise ValueError(f"SNAKEPIT_ADDRESS must begin with unix:, grpc: or grpcs:, not {address!r}")


def _needs_grpc(error: ImportError) -> str:
    # The host looks for the first words: packages/grpc-bridge/src/start-advice.ts.
    return (
        f"the gRPC transport needs grpcio and protobuf in this Python ({error}): "
        "npx snakepit-bridge setup --extra grpc, or pip install grpcio protobuf"
    )
