"""What the bare peers carry: batches, and nothing else. No pool, threads, cancelling or checks.

A document is MessagePack, an array of records: `[0, id, method, args]` for a call,
`[1, id, method, args]` for a stream. Answers: `[0, id, value]`, `[1, id, text]`, and at the end of
a stream `[2, id]`.
"""

from collections.abc import Iterator
from typing import Any

import ormsgpack

CHUNK = "x" * 32
BATCH = 256

METHODS = {"add": lambda args: args["a"] + args["b"]}


def answers(document: bytes) -> Iterator[bytes]:
    """The documents that answer this one."""
    replies: list[Any] = []
    for record in ormsgpack.unpackb(document):
        if record[0] == 0:
            replies.append((0, record[1], METHODS[record[2]](record[3])))
        else:
            yield from _chunks(record[1], record[3]["chunks"])
    if replies:
        yield ormsgpack.packb(replies)


def _chunks(call: int, chunks: int) -> Iterator[bytes]:
    """The first chunk leaves at once, the others in batches."""
    yield ormsgpack.packb([(1, call, CHUNK)])
    replies: list[Any] = []
    for _ in range(chunks - 1):
        replies.append((1, call, CHUNK))
        if len(replies) == BATCH:
            yield ormsgpack.packb(replies)
            replies = []
    yield ormsgpack.packb([*replies, (2, call)])
