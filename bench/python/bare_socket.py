"""The peer bare-socket: batches on a Unix socket and nothing else.

No pool, no threads, no cancelling, no deadlines, no checks: how fast the same idea could be.
A frame is 4 bytes of length and one MessagePack document, an array of records:
`[0, id, method, args]` for a call, `[1, id, method, args]` for a stream. Answers: `[0, id, value]`,
`[1, id, text]`, and at the end of a stream `[2, id]`.
"""

import socket
import sys
from typing import Any

import ormsgpack

CHUNK = "x" * 32
BATCH = 256


METHODS = {"add": lambda args: args["a"] + args["b"]}


def main(path: str) -> None:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    reader = connection.makefile("rb", buffering=1 << 18)
    while header := reader.read(4):
        replies: list[Any] = []
        for record in ormsgpack.unpackb(reader.read(int.from_bytes(header, "big"))):
            if record[0] == 0:
                replies.append((0, record[1], METHODS[record[2]](record[3])))
            else:
                count(connection, record[1], record[3]["chunks"])
        if replies:
            send(connection, replies)


def count(connection: socket.socket, call: int, chunks: int) -> None:
    """The first chunk leaves at once, the others in batches."""
    send(connection, [(1, call, CHUNK)])
    replies: list[Any] = []
    for _ in range(chunks - 1):
        replies.append((1, call, CHUNK))
        if len(replies) == BATCH:
            send(connection, replies)
            replies = []
    send(connection, [*replies, (2, call)])


def send(connection: socket.socket, replies: list[Any]) -> None:
    document = ormsgpack.packb(replies)
    connection.sendall(len(document).to_bytes(4, "big") + document)


if __name__ == "__main__":
    main(sys.argv[1])
