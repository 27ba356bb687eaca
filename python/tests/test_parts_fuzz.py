"""Whatever parts come, a worker serves whole values or hangs up. All cases in one process."""

import random
import socket
import struct
import threading
from typing import Any

import ormsgpack
from part_frames import part_frame, part_name

from snakepit_bridge.codecs import MsgpackCodec
from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.registry import Registry
from snakepit_bridge.server import Server
from snakepit_bridge.transports.socket import SocketTransport

KIB = 1024
MAX_FRAME = 100_000
MAX_VALUE = 400 * KIB
CASES = 200


def document(*records: Any) -> bytes:  # noqa: ANN401
    packed = ormsgpack.packb([0, *records])
    return struct.pack(">I", len(packed)) + packed


def good_value(random: random.Random, call_id: int) -> bytes:
    length = random.randint(64 * KIB, 200 * KIB)
    frame = random.randint(8 * KIB, 99_000)
    data = bytes([call_id]) * length
    frames = [
        part_frame(call_id, 0, length, data[begin : begin + frame])
        for begin in range(0, length, frame)
    ]
    return b"".join((*frames, document([0, call_id, "check", {"data": part_name(call_id)}])))


def spoiler(random: random.Random) -> bytes:
    call_id = random.randint(0, 9)
    match random.randint(0, 4):
        case 0:
            length = random.choice([0, 10, 64 * KIB, 10**6, 2**31, 2**53, 2**64 - 1])
            return part_frame(call_id, random.randint(0, 3), length, bytes(random.randint(0, 3000)))
        case 1:
            return document([0, call_id, "check", {"data": part_name(random.randint(0, 9))}])
        case 2:
            return document([random.randint(0, 9), call_id, 5])
        case 3:
            return document([0, 1, "check", {"data": ormsgpack.Ext(20, random.randbytes(8))}])
        case _:
            return b"\x80\0" + random.randbytes(random.randint(0, 60))


def serve(commands: Registry, sent: bytes, cuts: list[int]) -> bool:
    """Whether the worker called it a breach of the protocol."""
    ours, theirs = socket.socketpair()
    server = Server(
        SocketTransport(theirs),
        MsgpackCodec(),
        commands,
        concurrency=4,
        max_frame_bytes=MAX_FRAME,
        max_value_bytes=MAX_VALUE,
    )
    breaches: list[BaseException] = []

    def run() -> None:
        try:
            server.run()
        except ProtocolError as error:
            breaches.append(error)
        theirs.shutdown(socket.SHUT_RDWR)

    def send() -> None:
        rest = sent
        try:
            for cut in [*cuts, len(sent)]:
                ours.sendall(rest[:cut])
                rest = rest[cut:]
            ours.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has hung up

    threads = [threading.Thread(target=target, daemon=True) for target in (run, send)]
    for thread in threads:
        thread.start()
    while ours.recv(65_536):
        pass
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "the worker hangs"
    ours.close()
    theirs.close()
    return bool(breaches)


def test_whatever_parts_come_calls_get_whole_values_or_the_worker_hangs_up() -> None:
    commands = Registry()
    whole: list[bool] = []

    def check(data: object) -> None:
        if isinstance(data, bytes) and len(data) >= 64 * KIB:
            whole.append(data == data[:1] * len(data))

    commands.command("check")(check)
    choice = random.Random(20_261_121)
    breached = 0
    for _ in range(CASES):
        pieces = [good_value(choice, call_id) for call_id in range(1, choice.randint(2, 5))]
        if choice.random() < 0.6:
            pieces.insert(choice.randint(0, len(pieces)), spoiler(choice))
        sent = b"".join(pieces)
        cuts = [choice.randint(1, 50_000) for _ in range(choice.randint(0, 20))]
        breached += serve(commands, sent, cuts)
    assert all(whole)
    assert len(whole) > 200
    assert breached > 40
