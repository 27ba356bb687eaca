"""What carries frames between a worker and its host."""

from typing import Protocol

Buffer = bytes | bytearray | memoryview


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

        Raises `ProtocolError` for one longer than `limit` bytes.
        """

    def send(self, document: Buffer) -> None:
        """May block while the host does not read. One thread at a time. Raises `OSError`."""

    def send_part(self, call_id: int, number: int, length: int, chunk: memoryview) -> None:
        """As `send`, for the next bytes of a part that has `length` in all."""


def dial(address: str) -> Transport:
    """`unix:<path>`, or `grpc:<target>` as gRPC names it, for example `grpc:unix:<path>`."""
    scheme, _, rest = address.partition(":")
    if scheme == "unix":
        from snakepit_bridge.transports.socket import SocketTransport

        return SocketTransport.dial(rest)
    if scheme == "grpc":
        # Here, because grpc takes 0.1 s to import and most workers never need it.
        from snakepit_bridge.transports.grpc import GrpcTransport

        return GrpcTransport.dial(rest)
    raise ValueError(f"SNAKEPIT_ADDRESS must begin with unix: or grpc:, not {address!r}")
