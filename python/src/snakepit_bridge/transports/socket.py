"""Frames on a Unix socket: 4 bytes of length, big endian, then the document, or bytes of a part."""

import contextlib
import socket
import struct

from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.transports import Buffer, PartSink

HEADER = struct.Struct(">I")
# In front of bytes of a part: call, number, length of the part.
PART_HEADER = struct.Struct(">IIQ")
# Set in the length of such a frame.
PART_BIT = 0x8000_0000
# A batch of 256 small calls is about 10 KB. Larger reads would come from mmap and cost page faults.
READ_BYTES = 65_536


class SocketTransport:
    name = "unix socket"
    part_frame_bytes = 1024 * 1024

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = b""
        self.parts: PartSink | None = None

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
        while True:
            data = self._rest or self._socket.recv(READ_BYTES)
            while len(data) < 4:
                more = self._socket.recv(READ_BYTES)
                if not more:
                    return None
                data += more
            (length,) = HEADER.unpack_from(data)
            if length > limit:
                if length >= PART_BIT:
                    if not self._receive_part(data, length - PART_BIT):
                        return None
                    continue
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

    def _receive_part(self, data: bytes, length: int) -> bool:
        """Straight into its place. False when the host has hung up in the middle of it."""
        if self.parts is None:
            raise ProtocolError("a part came before the handshake")
        while len(data) < HEADER.size + PART_HEADER.size:
            more = self._socket.recv(READ_BYTES)
            if not more:
                return False
            data += more
        call_id, number, part_length = PART_HEADER.unpack_from(data, HEADER.size)
        begin, count = HEADER.size + PART_HEADER.size, length - PART_HEADER.size
        place = self.parts.place(call_id, number, part_length, count)
        have = min(count, len(data) - begin)
        place[:have] = memoryview(data)[begin : begin + have]
        self._rest = data[begin + have :]
        while have < count:
            more_bytes = self._socket.recv_into(place[have:])
            if more_bytes == 0:
                return False
            have += more_bytes
        self.parts.filled(count)
        return True

    def send_part(self, call_id: int, number: int, length: int, chunk: memoryview) -> None:
        header = HEADER.pack(PART_BIT + PART_HEADER.size + len(chunk))
        header += PART_HEADER.pack(call_id, number, length)
        sent = self._socket.sendmsg((header, chunk))
        self._socket.sendall(header[sent:])
        self._socket.sendall(chunk[max(0, sent - len(header)) :])

    def send(self, document: Buffer) -> None:
        self._socket.sendall(b"".join((HEADER.pack(len(document)), document)))

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):  # the host has done so
            self._socket.shutdown(socket.SHUT_RDWR)
