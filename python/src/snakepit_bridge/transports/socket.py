"""Frames on a Unix socket: 4 bytes of length, big endian, then the document."""

import contextlib
import socket
import struct

from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.transports import Buffer

HEADER = struct.Struct(">I")
# A batch of 256 small calls is about 10 KB. Larger reads would come from mmap and cost page faults.
READ_BYTES = 65_536


class SocketTransport:
    name = "unix socket"

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = b""

    @classmethod
    def dial(cls, path: str) -> "SocketTransport":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(path)
        return cls(connection)

    def receive(self, limit: int) -> Buffer | None:
        try:
            return self._receive(limit)
        except ConnectionResetError:
            return None  # the host was killed before it had read everything

    def _receive(self, limit: int) -> Buffer | None:
        data = self._rest or self._socket.recv(READ_BYTES)
        while len(data) < 4:
            more = self._socket.recv(READ_BYTES)
            if not more:
                return None
            data += more
        (length,) = HEADER.unpack_from(data)
        if length > limit:
            raise ProtocolError(f"a frame of {length:,} bytes; at most {limit:,} are allowed")
        end = 4 + length
        if len(data) == end:
            # Nearly always: the host waits for us before it sends the next batch.
            self._rest = b""
            return memoryview(data)[4:]
        if len(data) > end:
            self._rest = data[end:]
            return memoryview(data)[4:end]
        self._rest = b""
        return self._receive_long(data, length)

    def _receive_long(self, data: bytes, length: int) -> Buffer | None:
        document = bytearray(length)
        have = len(data) - 4
        document[:have] = memoryview(data)[4:]
        view = memoryview(document)
        while have < length:
            count = self._socket.recv_into(view[have:])
            if count == 0:
                return None
            have += count
        return document

    def send(self, document: Buffer) -> None:
        self._socket.sendall(b"".join((HEADER.pack(len(document)), document)))

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):  # the host has done so
            self._socket.shutdown(socket.SHUT_RDWR)
